"""`breakouts breakout …`: drive a breakout from a terminal, through the HTTP API and nothing else."""
