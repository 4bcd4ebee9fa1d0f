"""Real parts for the tests: broker, databases, processes."""
