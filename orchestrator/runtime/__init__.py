"""What processes need from their machine: command lines, embedded broker, supervisor, ports, health check."""
