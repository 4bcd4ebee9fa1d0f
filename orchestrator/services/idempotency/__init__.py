"""Doing a thing once, however often it is asked for with one Idempotency-Key."""
