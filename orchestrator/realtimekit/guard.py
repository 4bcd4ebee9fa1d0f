"""What holds a call back that must not go out any more."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_before_send: ContextVar[Callable[[], None] | None] = ContextVar("before_send", default=None)


@contextmanager
def guarded_by(before_send: Callable[[], None] | None) -> Iterator[None]:
    """Let `before_send` hold back the calls of this block and of the tasks that it starts, by an error that it raises.

    A call asks it after each wait: for a slot, for the quota, and for a connection.
    """
    token = _before_send.set(before_send)
    try:
        yield
    finally:
        _before_send.reset(token)


def check() -> None:
    """Raise what holds the present call back, if anything does."""
    if (before_send := _before_send.get()) is not None:
        before_send()
