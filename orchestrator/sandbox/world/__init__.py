"""What the sandbox remembers and what happens in it, whoever asks: meetings, sessions, recordings, deliveries."""
