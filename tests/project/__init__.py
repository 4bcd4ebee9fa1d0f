"""What a project of this kind has: one version, metadata, a wheel that runs, locks that hold what the tools need."""
