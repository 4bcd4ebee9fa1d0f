"""The embedded broker, the supervisor and the command line, as real processes."""
