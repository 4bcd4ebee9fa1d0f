"""Stories: what people live through in a breakout, told through the HTTP API and seen at the sandbox."""
