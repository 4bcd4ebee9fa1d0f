"""The Celery processes: workers, timekeeper and Flower."""
