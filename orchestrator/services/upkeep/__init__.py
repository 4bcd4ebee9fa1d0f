"""Keeping the house: the sweep for orphans, whether work gets done, figures for monitoring."""
