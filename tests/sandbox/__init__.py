"""The sandbox, driven by the official SDK."""
