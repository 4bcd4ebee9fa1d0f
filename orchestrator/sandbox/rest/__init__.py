"""RealtimeKit's REST API as the sandbox serves it, with its faults."""
