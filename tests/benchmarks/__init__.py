"""Figures, not tests: `make bench` prints them. Each runs the real processes on PostgreSQL against the sandbox."""
