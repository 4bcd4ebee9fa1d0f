"""Who may call the API: keys that are stored."""
