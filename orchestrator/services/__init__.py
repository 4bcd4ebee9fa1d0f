"""What we do: the use cases, one module per noun."""
