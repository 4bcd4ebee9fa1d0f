"""The breakout orchestrator: opens, runs and closes breakout rooms of RealtimeKit meetings from the server."""
