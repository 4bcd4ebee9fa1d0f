"""Streams of server-sent events: who listens, what wakes the listeners, and what is sent to each."""
