"""Planning a breakout: which rooms it has, and who sits where."""
