"""Lifecycles in which processes, brokers, databases, clocks or RealtimeKit fail; all must still end correctly."""
