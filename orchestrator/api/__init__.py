"""The HTTP API: every endpoint checks its request, calls one service and returns a report."""
