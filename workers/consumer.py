"""How a worker consumes: like Celery's own, but it waits before it asks a broker again, and before it sends events."""

import time
from typing import Any

from celery.worker.consumer import Consumer
from redis.exceptions import ResponseError

REFUSED_PAUSE_SECONDS = 1.0
EVENTS_PAUSE_SECONDS = 0.1
"""How long events wait for others at most; 24 of them, Celery's `buffer_limit`, go at once.

Each message with events costs more than the events in it (measured).
"""


class PatientConsumer(Consumer):  # type: ignore[misc]  # Celery ships no types
    """Waits REFUSED_PAUSE_SECONDS after an error answer, and EVENTS_PAUSE_SECONDS before it sends events.

    A broker that refuses to write still lets us connect, so Celery would connect again several times a second. It also
    would send the events of each task in a message of their own.
    """

    _events_at = 0.0
    """When the planned sending of events is due, by time.monotonic()."""

    def on_connection_error_before_connected(self, exc: Any) -> None:
        """Log the error, and wait if it is an answer of the broker."""
        super().on_connection_error_before_connected(exc)
        _pause_after(exc)

    def on_connection_error_after_connected(self, exc: Any) -> None:
        """Close the connection, and wait if the error is an answer of the broker."""
        super().on_connection_error_after_connected(exc)
        _pause_after(exc)

    def on_close(self) -> None:
        """Send the events that wait, or let their dispatcher keep them for the one of the next connection."""
        super()._flush_events()
        super().on_close()

    def shutdown(self) -> None:
        """Send the events that wait. Those of the last tasks come when the loop has ended."""
        super()._flush_events()
        super().shutdown()

    def _flush_events(self) -> None:
        """Plan to send the events that wait, unless that is planned. Celery calls this in its loop for every event."""
        now = time.monotonic()
        if now >= self._events_at:
            self._events_at = now + EVENTS_PAUSE_SECONDS
            self.hub.call_later(EVENTS_PAUSE_SECONDS, super()._flush_events)


def _pause_after(error: Exception) -> None:
    if isinstance(error, ResponseError):
        time.sleep(REFUSED_PAUSE_SECONDS)
