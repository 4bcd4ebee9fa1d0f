"""A RealtimeKit for one machine: the same REST surface, sessions, recordings, webhooks, limits; faults on request."""
