"""What README.md and docs/ say is true."""
