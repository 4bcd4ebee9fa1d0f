"""A pass over a row that makes calls outside: started, kept by a lease, and given back whatever happens."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from orchestrator.domain.timing import backoff
from orchestrator.errors import LeaseLost, OutOfQuota, RealtimeKitError, TryAgain
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.leases import Lease
from schemas.tables import Due

T = TypeVar("T")

_jitter = random.Random()  # noqa: S311 - spreads retries, guards nothing


@contextmanager
def start_pass(
    deps: Deps, table: type[Due], row_id: str, claim: int, read: Callable[[Transaction], T]
) -> Iterator[tuple[Lease, T] | None]:
    """Start work on a row, `read` what it needs in the same transaction, and keep its lease inside the block.

    None when the message is stale. An unexpected error gives the row back with a backoff and goes on up, so that it
    shows as a failed task.
    """
    begun = time.monotonic()
    with deps.database.transaction() as tx:
        started = due.start(tx, table, row_id, claim, holder=deps.holder, lease=deps.leases.lease)
        work = read(tx) if started else None
    if started is None or work is None:
        yield None
        return
    with deps.leases.hold(started, begun) as lease:
        try:
            yield lease, work
        except LeaseLost:
            raise
        except Exception:
            give_back(deps, started, None)
            raise


def give_back(deps: Deps, claim: due.Claim, error: RealtimeKitError | None) -> None:
    """Release a row whose pass did not get through; it is due again after a backoff, or when the quota has room."""
    with deps.database.transaction() as tx:
        release_for_retry(tx, claim, error)


def release_for_retry(tx: Transaction, claim: due.Claim, error: RealtimeKitError | None) -> None:
    """The same, inside a transaction that has something to record as well."""
    row: Any = tx.session.get_one(claim.table, claim.row_id, populate_existing=True)
    wait = backoff(row.tries, _jitter)
    if isinstance(error, TryAgain) and error.retry_after is not None:
        wait = max(wait, timedelta(seconds=error.retry_after))
    retry_at = tx.now() + wait
    due.release(tx, claim, due_at=retry_at, untried=isinstance(error, OutOfQuota))
