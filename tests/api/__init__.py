"""The HTTP API over real parts: a server in a thread, a database, a broker, and the sandbox."""
