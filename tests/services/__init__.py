"""Services over a real database and broker and the sandbox, without workers."""
