"""Who may call the API: API keys that are stored in the database."""
