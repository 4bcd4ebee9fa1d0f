"""Upkeep: the sweep for orphans, whether work gets done, and figures for monitoring."""
