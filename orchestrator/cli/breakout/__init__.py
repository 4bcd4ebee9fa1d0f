"""`breakouts breakout …`: control a breakout from a terminal, only through the HTTP API."""
