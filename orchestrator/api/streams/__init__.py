"""Streams of server-sent events: who listens, what wakes them, and what each of them has yet to be sent."""
