"""The HTTP API: every endpoint checks, calls one service, and answers with a report."""
