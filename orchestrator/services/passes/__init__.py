"""Passes over a row that call RealtimeKit: leases around the calls, admitting people, looking for what is in doubt."""
