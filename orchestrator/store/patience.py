"""How long the driver waits for PostgreSQL."""

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

Answer = TypeVar("Answer")

ANSWER_SECONDS = 15.0
"""Longer than a statement may take. A server that has not answered by then does not run: its machine, or its disk."""
LOOK_SECONDS = 0.1
"""How often a wait looks for signals, as in psycopg."""


class PatientConnection(psycopg.Connection[Any]):
    """A connection that is given up when no answer comes.

    A server that runs ends statements that take too long by itself, and TCP notices a host that vanished. A server that
    is frozen does neither, and every thread that asked it would wait for as long as that lasts.
    """

    answers_within: float | None = ANSWER_SECONDS
    """Seconds; None: for ever."""

    def wait(self, gen: PQGen[Answer], interval: float = LOOK_SECONDS, timeout: float | None = None) -> Answer:
        """Wait for one exchange with the server. Raises OperationalError, with the connection closed, without one."""
        try:
            return super().wait(gen, interval, self.answers_within if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if timeout is not None or self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            self.close()
            raise psycopg.OperationalError(f"no answer within {self.answers_within:g} s") from error
