"""The state of the sandbox and its rules: meetings, sessions, recordings and deliveries, without REST."""
