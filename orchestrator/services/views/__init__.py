"""What the API answers. These modules only read."""
