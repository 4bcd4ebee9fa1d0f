"""Requests with an Idempotency-Key: the work is done once, however often the request comes."""
