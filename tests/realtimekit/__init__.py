"""Tests of the RealtimeKit package, against a sandbox over HTTP and a real broker."""
