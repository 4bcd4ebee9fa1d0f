"""Ids of rows that may have changed: those that a publish named, and regularly all that anybody listens to.

A publish may get lost and Redis may be away. So a publish only says that something may be new; the reader asks the
database.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from orchestrator.log import logger

log = logger(__name__)

READ_ALL_SECONDS = 1.5
"""How often everything is read although no publish named it."""
GATHER_SECONDS, GATHER_SECONDS_MOST = 0.02, 0.1
"""Publishes come in bursts; those within this time are read together, or within the longer one if reading takes long.

A read costs as much as the meeting has people. A mass opening changes a few seats at a time, and would keep a processor
busy with reading all of them.
"""
REST_SHARE = 3
"""How many times longer than the last read the pause after it is, within these bounds."""
RETRY_SECONDS = 1.0
"""The pause after the database could not be read."""


class ChangedIds:
    """Ids that may have changed since they were last read."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._added = asyncio.Event()
        self._read_all_at = 0.0
        self.is_reading = False
        """Whether they are being read now."""

    def add(self, row_id: str) -> None:
        """Mark one id as possibly changed."""
        self._ids.add(row_id)
        self._added.set()

    def add_all(self) -> None:
        """Mark every id as possibly changed."""
        self._read_all_at = 0.0
        self._added.set()

    async def follow(self, read: Callable[[set[str] | None], Awaitable[None]]) -> None:
        """Call `read` for ever, each time with the ids that may have changed, or with None for all ids."""
        while True:
            ids, begun = await self._next(), time.monotonic()
            self.is_reading = True
            try:
                await read(ids)
            except Exception as error:
                known = isinstance(error, SQLAlchemyError)
                log.warning("can't read what is new", error=type(error).__name__, exc_info=not known)
                self.add_all()
                await asyncio.sleep(RETRY_SECONDS)
            finally:
                self.is_reading = False
            rest = REST_SHARE * (time.monotonic() - begun)
            await asyncio.sleep(min(max(GATHER_SECONDS, rest), GATHER_SECONDS_MOST))

    async def _next(self) -> set[str] | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, self._read_all_at - time.monotonic())):
                await self._added.wait()
        self._added.clear()
        ids, self._ids = self._ids, set()
        if time.monotonic() < self._read_all_at:
            return ids
        self._read_all_at = time.monotonic() + READ_ALL_SECONDS
        return None
