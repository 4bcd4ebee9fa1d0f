"""All that knows RealtimeKit: its REST API, its quota, its webhooks; everyone else knows our records and errors."""
