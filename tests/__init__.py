"""The tests: each folder mirrors a layer, `support/` holds what several of them use."""
