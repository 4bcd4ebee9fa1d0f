"""The Celery processes: workers, timekeeper and Flower."""

from orchestrator.runtime import memory

memory.spare()
