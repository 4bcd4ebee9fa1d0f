"""Pages in a real Chromium, with RealtimeKit's unmodified client and UI kit from npm."""
