"""What we do. The folders import downwards only; docs/architecture.md draws them."""
