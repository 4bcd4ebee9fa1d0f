"""Parent meetings: making and adopting them, registering people, importing, tokens for main, polling who is where."""
