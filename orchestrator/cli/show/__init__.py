"""A breakout in a terminal: as a live picture, as lines, as a report of its end; for the demo and for operators."""
