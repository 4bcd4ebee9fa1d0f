"""How a worker consumes: like Celery's own, but it waits a moment before it asks a broker again that refused it."""

import time
from typing import Any

from celery.worker.consumer import Consumer
from redis.exceptions import ResponseError

REFUSED_PAUSE_SECONDS = 1.0


class PatientConsumer(Consumer):  # type: ignore[misc]  # Celery ships no types
    """Waits REFUSED_PAUSE_SECONDS after an error answer.

    A broker that refuses to write still lets us connect, so Celery would connect again several times a second.
    """

    def on_connection_error_before_connected(self, exc: Any) -> None:
        """Log the error, and wait if it is an answer of the broker."""
        super().on_connection_error_before_connected(exc)
        _pause_after(exc)

    def on_connection_error_after_connected(self, exc: Any) -> None:
        """Close the connection, and wait if the error is an answer of the broker."""
        super().on_connection_error_after_connected(exc)
        _pause_after(exc)


def _pause_after(error: Exception) -> None:
    if isinstance(error, ResponseError):
        time.sleep(REFUSED_PAUSE_SECONDS)
