"""Following recordings at RealtimeKit until their files are there, and comparing which run."""
