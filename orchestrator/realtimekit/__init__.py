"""RealtimeKit's REST API, its quota and its webhooks; all other packages see only our records and errors."""
