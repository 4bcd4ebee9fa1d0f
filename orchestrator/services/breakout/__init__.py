"""The core: a locked breakout, and everything that happens to it under that lock. Nothing here calls outside."""
