"""A process with a wrong clock: its Python reads another time of day, while monotonic clocks stay as they are.

Only root on Linux can give a process a clock of its own, and only a monotonic one. So the time of day is replaced where
Python reads it, before anything else is imported.
"""

import datetime
import os
import time
from typing import Any

AHEAD = "CHAOS_CLOCK_AHEAD"
"""The variable with the seconds that the process's clock is ahead, or behind if negative."""


def set_as_told() -> None:
    """Shift this process's clock by what its environment says, if anything."""
    if seconds := float(os.environ.get(AHEAD, "0")):
        _shift(seconds)


def _shift(seconds: float) -> None:
    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + seconds
    time.time_ns = lambda: right_ns() + int(seconds * 1_000_000_000)
    datetime.datetime = _shifted(datetime.datetime, datetime.timedelta(seconds=seconds))  # type: ignore[misc]
    _shift_ids()


def _shifted(right: type[datetime.datetime], ahead: datetime.timedelta) -> type[datetime.datetime]:
    class Kind(type):
        """Counts plain datetimes as instances, because C code makes those."""

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, right)

        def __subclasscheck__(cls, subclass: type) -> bool:
            return issubclass(subclass, right)

    class Shifted(right, metaclass=Kind):  # type: ignore[misc, valid-type]
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return right.now(tz) + ahead

        @classmethod
        def utcnow(cls) -> Any:
            return right.now(datetime.UTC).replace(tzinfo=None) + ahead

    return Shifted


def _shift_ids() -> None:
    """Shift the time in the ids of rows, too."""
    import uuid_utils  # noqa: PLC0415 - not before the clock is shifted

    uuid7 = uuid_utils.uuid7
    uuid_utils.uuid7 = lambda: uuid7(nanoseconds=time.time_ns())  # type: ignore[assignment, misc]
