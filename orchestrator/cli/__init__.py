"""The command line `breakouts`. `main` imports little, because each process starts from a module of its own."""

from orchestrator.runtime import memory

memory.spare()
