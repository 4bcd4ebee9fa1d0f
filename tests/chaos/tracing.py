"""Runs inside each process of a sweep: it counts the points where a crash could leave work half done, and dies at one.

A point is right before or right after a call to RealtimeKit, a commit that writes, or a message. The product knows
nothing of this: its functions are wrapped when the process starts. Orders come in a file that the harness replaces
(`run point signal`); counting restarts with each run.
"""

import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from orchestrator.realtimekit.calls import Calls
from orchestrator.store.broker import Broker

KIND, FOLDER = "CHAOS_KIND", "CHAOS_FOLDER"
NOWHERE = "-"
STRUCK = "STRUCK"
"""The beginning of the line in the trace where an order was carried out."""
OURS = ("orchestrator.services.", "orchestrator.api.", "orchestrator.store.leases", "workers.")
PASSED_THROUGH = "orchestrator.services.breakout.locked"
"""Commits for whoever locks a breakout, so it is the function that does so which names the point."""
WRITES = re.compile(r'\s*(?:INSERT INTO|UPDATE|DELETE FROM) "?(\w+)')


class Tracer:
    """Counts the points that this process passes, and kills it at the one in its orders."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._kind = kind
        self._orders = folder / f"{kind}.orders"
        self._trace = os.open(folder / f"{kind}.trace", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._lock = threading.Lock()
        self._read_at = (0, 0)
        self._run, self._target, self._signal = NOWHERE, NOWHERE, signal.SIGKILL
        self._counts: Counter[str] = Counter()

    @contextmanager
    def around(self, site: str) -> Iterator[None]:
        """Pass two points, before and after the block, also if the block fails."""
        self._pass(f"{self._kind}:{site}:before")
        try:
            yield
        finally:
            self._pass(f"{self._kind}:{site}:after")

    def _pass(self, place: str) -> None:
        with self._lock:
            self._read_orders()
            self._counts[place] += 1
            here = f"{place}#{self._counts[place]}"
            os.write(self._trace, f"{self._run} {here}\n".encode())
            if here == self._target:
                self._strike(here)

    def _read_orders(self) -> None:
        with suppress(FileNotFoundError):
            found = self._orders.stat()
            if self._read_at != (found.st_ino, found.st_mtime_ns):
                self._read_at = found.st_ino, found.st_mtime_ns
                self._run, self._target, number = self._orders.read_text().split()
                self._signal = signal.Signals(int(number))
                self._counts.clear()

    def _strike(self, here: str) -> None:
        """Carry out the order once; the process that is started in place of this one finds other orders."""
        give_orders(self._orders, self._run, NOWHERE)
        os.write(self._trace, f"{self._run} {STRUCK} {here}\n".encode())
        os.kill(os.getpid(), self._signal)


def give_orders(file: Path, run: str, point: str, number: signal.Signals = signal.SIGKILL) -> None:
    """Write the orders of a process at once, so that a reader sees the old or the new ones."""
    new = file.with_suffix(f".{threading.get_ident()}")
    new.write_text(f"{run} {point} {int(number)}")
    new.replace(file)


def install() -> None:
    """Wrap the functions that this process will call."""
    tracer = Tracer(os.environ[KIND], Path(os.environ[FOLDER]))
    _trace_calls(tracer)
    _trace_commits(tracer)
    _trace_messages(tracer)


def _caller() -> str:
    """Name the nearest calling function of ours as `@module.function`; empty if only the loop is on the stack."""
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        is_ours = module.startswith(OURS) and module != PASSED_THROUGH
        if is_ours and not frame.f_code.co_name.startswith("<"):
            return f"@{module.rsplit('.', 1)[1]}.{frame.f_code.co_name}"
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
    return ""


def _trace_calls(tracer: Tracer) -> None:
    """Wrap `_send`, where a call is sent; the operation's name is known one step before."""
    operation: ContextVar[str] = ContextVar("operation")
    ask, send = Calls.__call__, Calls._send

    async def asking(self: Calls, name: str, *more: Any, **named: Any) -> Any:
        operation.set(f"call:{name}{_caller()}")
        return await ask(self, name, *more, **named)

    async def sending(self: Calls, request: Any) -> Any:
        with tracer.around(operation.get()):
            return await send(self, request)

    Calls.__call__, Calls._send = asking, sending  # type: ignore[method-assign, assignment]


def _trace_commits(tracer: Tracer) -> None:
    """Wrap commits of transactions that wrote, because a crash around others changes nothing."""
    here = threading.local()
    commit = Session.commit

    @event.listens_for(Engine, "before_cursor_execute")
    def _(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if found := WRITES.match(statement):
            here.__dict__.setdefault("tables", set()).add(found[1])

    @event.listens_for(Engine, "rollback")
    def _(_connection: Any) -> None:
        here.__dict__.clear()

    def committing(self: Session) -> None:
        tables = here.__dict__.get("tables")
        if not tables:
            return commit(self)
        with tracer.around(f"commit:{_caller()}[{','.join(sorted(tables))}]"):
            commit(self)
        here.__dict__.clear()
        return None

    Session.commit = committing  # type: ignore[method-assign]


def _trace_messages(tracer: Tracer) -> None:
    """Wrap the sending of tasks and the publishing of wake-ups. Those that go together pass their points together."""
    send, wake = Broker._send, Broker._wake

    def sending(self: Broker, messages: Any) -> None:
        with _around_all(tracer, [f"send:{message.task.value}" for message in messages]):
            send(self, messages)

    def waking(self: Broker, topics: Any) -> None:
        with _around_all(tracer, [f"publish:{topic.split(':')[0]}" for topic in topics]):
            wake(self, topics)

    Broker._send = sending  # type: ignore[method-assign]
    Broker._wake = waking  # type: ignore[method-assign]


@contextmanager
def _around_all(tracer: Tracer, sites: list[str]) -> Iterator[None]:
    with ExitStack() as stack:
        for site in sites:
            stack.enter_context(tracer.around(site))
        yield
