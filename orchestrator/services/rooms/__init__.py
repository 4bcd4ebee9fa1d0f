"""A room's pass: from what is stored to calls at RealtimeKit, and from their results back into the row."""
