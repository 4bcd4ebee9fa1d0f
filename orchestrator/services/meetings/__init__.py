"""Parent meetings: making and adopting them, registering people, importing, tokens for main, asking who is where."""
