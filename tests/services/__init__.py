"""Services over real parts, without workers."""
