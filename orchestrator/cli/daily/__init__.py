"""The daily words of `breakouts`: meetings, people, plans and breakouts, only through the HTTP API."""
