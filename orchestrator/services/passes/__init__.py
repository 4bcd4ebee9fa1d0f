"""Passes over rows that call RealtimeKit: leases around the calls, admission of people, searches after a doubt."""
