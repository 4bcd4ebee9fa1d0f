"""`python -m orchestrator.cli`, which is `breakouts`."""

from orchestrator.cli.main import main

main()
