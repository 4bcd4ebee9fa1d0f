"""A breakout in a terminal, for the demo and for operators: live picture, lines, and final report."""
