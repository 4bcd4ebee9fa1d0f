"""A pass over a row that calls RealtimeKit: the row is started, kept by a lease, and released whatever happens."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from orchestrator import metrics
from orchestrator.domain.timing import backoff
from orchestrator.errors import LeaseLost, OutOfQuota, RealtimeKitError, Stopping, TooEarly, TryAgain
from orchestrator.log import about
from orchestrator.realtimekit.calls import outcome_of
from orchestrator.runtime.clock import elapsed
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.kinds import KIND_OF
from orchestrator.store.leases import Lease
from orchestrator.store.trouble import DATABASE_TROUBLE
from schemas.tables import Due

T = TypeVar("T")
Read = Callable[[Deps, Transaction, Sequence[str]], Mapping[str, T]]
"""Reads, by row, what the passes over these rows need to know."""

AfterError = Callable[[Deps, due.Claim, Exception], None]
"""Releases a row whose pass ended with an unexpected error."""

NO_TRY = OutOfQuota | Stopping | TooEarly
"""Errors of a pass that could not try anything."""

_jitter = random.Random()  # noqa: S311 - spreads retries, guards nothing


@dataclass(frozen=True)
class _Starting(Generic[T]):
    """What concurrent starts of rows of one table share."""

    deps: Deps
    table: type[Due]
    read: Read[T]


@contextmanager
def start_pass(
    deps: Deps, table: type[Due], row_id: str, claim: int, read: Read[T], *, after_error: AfterError | None = None
) -> Iterator[tuple[Lease, T] | None]:
    """Start work on a row, read what it needs in the same transaction, and keep its lease inside the block.

    Gives None when the message is stale. Rows that other threads start at the same time are started and read together:
    one by one, reading 100 rooms took a third of the time in which they were opened (measured). An unexpected error
    releases the row with a backoff, or by `after_error`, and is raised again, so that the task shows as failed.
    """
    begun = elapsed()
    after_error = after_error or _give_back
    starting = _Starting(deps, table, read)
    try:
        started = deps.database.groups.run(_start_all, starting, table.__name__, (row_id, claim))
    except DATABASE_TROUBLE:
        raise
    except Exception as error:
        for fence in _start_unread(deps, table, row_id, claim):
            with _left_if_deleted(deps, fence):
                after_error(deps, fence, error)
        raise
    if started is None:
        yield None
        return
    fence, work = started
    about(attempt=fence.tries)
    given_back = _given_back_after_errors(deps, fence, after_error)
    with deps.leases.hold(fence, begun) as lease, _left_if_deleted(deps, fence), given_back:
        yield lease, work


@contextmanager
def _left_if_deleted(deps: Deps, fence: due.Claim) -> Iterator[None]:
    """Raise LeaseLost in place of an error if the row is gone: whatever its pass looked for may be gone with it.

    Its release may be what fails, because the row may be deleted, with its meeting, at any moment.
    """
    try:
        yield
    except (LeaseLost, *DATABASE_TROUBLE):
        raise
    except Exception as error:
        if _is_deleted(deps, fence):
            raise LeaseLost(f"{KIND_OF[fence.table].name} {fence.row_id} was deleted meanwhile") from error
        raise


@contextmanager
def _given_back_after_errors(deps: Deps, fence: due.Claim, after_error: AfterError) -> Iterator[None]:
    """Release the row after an error: at once, or later if the database is away. One that is lost is left."""
    try:
        yield
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


def _is_deleted(deps: Deps, fence: due.Claim) -> bool:
    """Return whether the row is gone, as with its meeting."""
    with deps.database.glancing() as session:
        return session.get(fence.table, fence.row_id) is None


def _start_unread(deps: Deps, table: type[Due], row_id: str, claim: int) -> Iterable[due.Claim]:
    """Start a row that can't be read, so that its tries are counted."""
    with deps.database.transaction() as tx:
        asked = [(row_id, claim)]
        return due.start_all(tx, table, asked, holder=deps.holder, lease=deps.leases.lease).values()


def unread(_deps: Deps, _tx: Transaction, row_ids: Sequence[str]) -> dict[str, None]:
    """Read nothing, for a pass whose reads cost more than the start: it reads when its row is locked no more."""
    return dict.fromkeys(row_ids)


def _start_all(starting: _Starting[T], _key: str, asked: list[tuple[str, int]]) -> list[tuple[due.Claim, T] | None]:
    """Start rows. Of two messages for one row, one gets None."""
    deps, table = starting.deps, starting.table
    with deps.database.transaction() as tx:
        started = due.start_all(tx, table, asked, holder=deps.holder, lease=deps.leases.lease)
        work = starting.read(deps, tx, list(started)) if started else {}
    answers: list[tuple[due.Claim, T] | None] = []
    for row_id, claim in asked:
        fence = started.pop(row_id) if row_id in started and started[row_id].fence == claim + 1 else None
        answers.append((fence, work[row_id]) if fence else None)
    return answers


def _give_back(deps: Deps, claim: due.Claim, _error: Exception) -> None:
    with deps.database.transaction() as tx:
        release_for_retry(tx, claim, None)


def release_for_retry(tx: Transaction, claim: due.Claim, error: RealtimeKitError | None) -> None:
    """Release a row whose pass failed; `error` is None for an error of ours.

    The row is due after a backoff, or when the quota has room, or at once for another worker when this one stops.
    """
    row: Any = tx.session.get_one(claim.table, claim.row_id, populate_existing=True)
    wait = timedelta() if isinstance(error, Stopping) else backoff(row.tries, _jitter)
    if isinstance(error, TryAgain) and error.retry_after is not None:
        wait = max(wait, timedelta(seconds=error.retry_after))
    reason = "bug" if error is None else outcome_of(error)
    tx.count(metrics.RETRIES.labels(KIND_OF[claim.table].name, reason).inc)
    retry_at = tx.now() + wait
    due.release(tx, claim, due_at=retry_at, untried=isinstance(error, NO_TRY))
