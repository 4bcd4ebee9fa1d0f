"""Benchmarks, which `make bench` prints. Each runs the real processes on PostgreSQL against the sandbox."""
