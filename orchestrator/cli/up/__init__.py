"""`breakouts up`: the whole orchestrator in one terminal."""
