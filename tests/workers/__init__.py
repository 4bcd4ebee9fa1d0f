"""What worker processes do beside their tasks."""
