"""A pass over a row that makes calls outside: started, kept by a lease, and given back whatever happens."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from orchestrator import metrics
from orchestrator.domain.timing import backoff
from orchestrator.errors import LeaseLost, OutOfQuota, RealtimeKitError, Stopping, TooEarly, TryAgain
from orchestrator.log import about
from orchestrator.realtimekit.calls import outcome_of
from orchestrator.runtime.clock import elapsed
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.database import DATABASE_TROUBLE, Transaction
from orchestrator.store.leases import Lease
from schemas.tables import Due

T = TypeVar("T")
Read = Callable[[Transaction, Sequence[str]], Mapping[str, T]]
"""What the passes over these rows need to know, by row."""

AfterError = Callable[[Deps, due.Claim, Exception], None]
"""Gives a row back whose pass met an error that nobody had expected."""

NO_TRY = OutOfQuota | Stopping | TooEarly
"""A pass that ended so has not had its turn."""

_jitter = random.Random()  # noqa: S311 - spreads retries, guards nothing


@contextmanager
def start_pass(
    deps: Deps, table: type[Due], row_id: str, claim: int, read: Read[T], *, after_error: AfterError | None = None
) -> Iterator[tuple[Lease, T] | None]:
    """Start work on a row, `read` what it needs in the same transaction, and keep its lease inside the block.

    Rows that other threads start at the same time are started and read together: one by one, reading 100 rooms took a
    third of the time in which they were opened (measured). None when the message is stale. An unexpected error gives
    the row back with a backoff, or as `after_error` does, and goes on up, so that it shows as a failed task.
    """
    begun = elapsed()
    after_error = after_error or _give_back
    try:
        started = deps.database.together(
            f"starting {table.__name__}", (row_id, claim), lambda asked: _start_all(deps, table, asked, read)
        )
    except DATABASE_TROUBLE:
        raise
    except Exception as error:
        for fence in _start_unread(deps, table, row_id, claim):
            after_error(deps, fence, error)
        raise
    if started is None:
        yield None
        return
    fence, work = started
    about(attempt=fence.tries)
    with deps.leases.hold(fence, begun) as lease:
        try:
            yield lease, work
        except LeaseLost:
            raise
        except DATABASE_TROUBLE as error:
            try:
                _give_back(deps, fence, error)
            except DATABASE_TROUBLE:
                deps.leases.give_back_later(fence)
            raise
        except Exception as error:
            after_error(deps, fence, error)
            raise


def _start_unread(deps: Deps, table: type[Due], row_id: str, claim: int) -> Iterable[due.Claim]:
    """What is in the row can't be read: start it all the same, so that its tries are counted."""
    with deps.database.transaction() as tx:
        asked = [(row_id, claim)]
        return due.start_all(tx, table, asked, holder=deps.holder, lease=deps.leases.lease).values()


def _start_all(
    deps: Deps, table: type[Due], asked: list[tuple[str, int]], read: Read[T]
) -> list[tuple[due.Claim, T] | None]:
    """Of two messages for one row one is answered None."""
    with deps.database.transaction() as tx:
        started = due.start_all(tx, table, asked, holder=deps.holder, lease=deps.leases.lease)
        work = read(tx, list(started)) if started else {}
    answers: list[tuple[due.Claim, T] | None] = []
    for row_id, claim in asked:
        fence = started.pop(row_id) if row_id in started and started[row_id].fence == claim + 1 else None
        answers.append((fence, work[row_id]) if fence else None)
    return answers


def _give_back(deps: Deps, claim: due.Claim, _error: Exception) -> None:
    with deps.database.transaction() as tx:
        release_for_retry(tx, claim, None)


def release_for_retry(tx: Transaction, claim: due.Claim, error: RealtimeKitError | None) -> None:
    """Release a row whose pass did not get through (None: an error of ours); due after a backoff, when the quota has
    room, or for another worker at once.
    """
    row: Any = tx.session.get_one(claim.table, claim.row_id, populate_existing=True)
    wait = timedelta() if isinstance(error, Stopping) else backoff(row.tries, _jitter)
    if isinstance(error, TryAgain) and error.retry_after is not None:
        wait = max(wait, timedelta(seconds=error.retry_after))
    reason = "bug" if error is None else outcome_of(error)
    tx.count(metrics.RETRIES.labels(claim.table.__name__.lower(), reason).inc)
    retry_at = tx.now() + wait
    due.release(tx, claim, due_at=retry_at, untried=isinstance(error, NO_TRY))
