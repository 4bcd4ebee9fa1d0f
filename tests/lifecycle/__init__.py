"""Whole lifecycles of breakouts, through the HTTP API and observed at the sandbox."""
