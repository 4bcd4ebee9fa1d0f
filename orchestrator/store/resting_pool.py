"""A pool that closes connections which nobody has needed for a while, so that a small server keeps some for others."""

import threading
import time
from typing import Any

from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

REST_SECONDS = 60.0
"""How long a connection rests before it is closed."""
USED_AT_KEY = "used_at"
"""The key in `ConnectionPoolEntry.info` of the monotonic time at which the connection was last given back."""


class RestingPool(QueuePool):
    """Hands out the connection that was used last, and closes those that have rested for REST_SECONDS.

    The one that was given back last stays open for as long as others are taken and given back.
    """

    _closing: threading.Timer | None = None

    @property
    def _idle(self) -> Any:
        """SQLAlchemy's queue of connections that nobody uses, whose attributes its types leave out."""
        return self._pool

    @staticmethod
    def rest_of(record: ConnectionPoolEntry) -> float:
        """Return for how many seconds a connection has not been used; 0 for a new one."""
        now = time.monotonic()
        return now - float(record.info.get(USED_AT_KEY, now))

    def close_rested(self, rest_seconds: float = REST_SECONDS) -> None:
        """Close the connections that have rested for so long."""
        with self._idle.mutex:
            rested = [record for record in self._idle.queue if self.rest_of(record) >= rest_seconds]
            for record in rested:
                self._idle.queue.remove(record)
                self._dec_overflow()
        for record in rested:
            record.close()

    def dispose(self) -> None:
        """Close all connections that nobody uses."""
        super().dispose()
        with self._idle.mutex:
            if self._closing is not None:
                self._closing.cancel()
                self._closing = None

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        if record.dbapi_connection is not None:
            record.info[USED_AT_KEY] = time.monotonic()
        super()._do_return_conn(record)
        with self._idle.mutex:
            if self._closing is None:
                self._close_later()

    def _close_later(self) -> None:
        self._closing = threading.Timer(REST_SECONDS / 2, self._close_now)
        self._closing.daemon = True
        self._closing.start()

    def _close_now(self) -> None:
        self.close_rested()
        with self._idle.mutex:
            self._closing = None
            if self._idle.queue:
                self._close_later()
