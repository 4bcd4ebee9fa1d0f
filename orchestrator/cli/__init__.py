"""The command line `breakouts`. `main` stays light: each process of ours starts from a module of its own."""

from orchestrator.runtime import memory

memory.spare()
