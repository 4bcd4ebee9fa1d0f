"""A pass over a row that makes calls outside: started, kept by a lease, and given back whatever happens."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from orchestrator import metrics
from orchestrator.domain.timing import backoff
from orchestrator.errors import LeaseLost, OutOfQuota, RealtimeKitError, Stopping, TryAgain
from orchestrator.log import about
from orchestrator.realtimekit.calls import outcome_of
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.leases import Lease
from schemas.tables import Due

T = TypeVar("T")
Read = Callable[[Transaction, Sequence[str]], Mapping[str, T]]
"""What the passes over these rows need to know, by row."""

_jitter = random.Random()  # noqa: S311 - spreads retries, guards nothing


@contextmanager
def start_pass(
    deps: Deps, table: type[Due], row_id: str, claim: int, read: Read[T]
) -> Iterator[tuple[Lease, T] | None]:
    """Start work on a row, `read` what it needs in the same transaction, and keep its lease inside the block.

    Rows that other threads start at the same time are started and read together: one by one, reading 100 rooms took a
    third of the time in which they were opened (measured). None when the message is stale. An unexpected error gives
    the row back with a backoff and goes on up, so that it shows as a failed task.
    """
    begun = time.monotonic()
    started = deps.database.together(
        f"starting {table.__name__}", (row_id, claim), lambda asked: _start_all(deps, table, asked, read)
    )
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
        except Exception:
            give_back(deps, fence, None)
            raise


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


def give_back(deps: Deps, claim: due.Claim, error: RealtimeKitError | None) -> None:
    """Release a row whose pass did not get through; due after a backoff, when the quota has room, or for another
    worker at once.
    """
    with deps.database.transaction() as tx:
        release_for_retry(tx, claim, error)


def release_for_retry(tx: Transaction, claim: due.Claim, error: RealtimeKitError | None) -> None:
    """The same, inside a transaction that has something to record as well."""
    row: Any = tx.session.get_one(claim.table, claim.row_id, populate_existing=True)
    wait = timedelta() if isinstance(error, Stopping) else backoff(row.tries, _jitter)
    if isinstance(error, TryAgain) and error.retry_after is not None:
        wait = max(wait, timedelta(seconds=error.retry_after))
    reason = "bug" if error is None else outcome_of(error)
    tx.count(metrics.RETRIES.labels(claim.table.__name__.lower(), reason).inc)
    retry_at = tx.now() + wait
    due.release(tx, claim, due_at=retry_at, untried=isinstance(error, OutOfQuota | Stopping))
