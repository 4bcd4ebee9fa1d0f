"""Callers' systems: which addresses may be called, and one call."""
