"""Tests of all that knows RealtimeKit, against a sandbox over HTTP and a real broker."""
