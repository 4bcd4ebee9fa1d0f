"""`python -m orchestrator.cli`: the same as `breakouts`."""

from orchestrator.cli.main import main

main()
