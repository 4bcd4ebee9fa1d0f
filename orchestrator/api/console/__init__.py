"""The host's console: its pages, and the sessions of those who are signed in."""
