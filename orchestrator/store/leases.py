"""Leases: one thread per process renews the leases of its rows, and stores until when each is certainly good.

The same thread releases rows that could not be released while the database was away.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from orchestrator.errors import LeaseLost, Stopping
from orchestrator.log import logger
from orchestrator.runtime.clock import elapsed
from orchestrator.store.database import Database
from orchestrator.store.due import Claim, release, renew_all
from schemas.tables import Due

log = logger(__name__)

RELEASE_AGAIN_SECONDS = 1.0
"""The pause between two tries to release a row."""

KeepGoing = Callable[[Callable[[], float]], None]
"""Calls a function again and again from now on, each time after the seconds that it has returned, and returns at once.

The first call comes when the leases are to be renewed first, at the latest.
"""


class Lease:
    """How long one claim is certainly good, in seconds by elapsed()."""

    def __init__(
        self, claim: Claim, valid_until: float, deadline: float, call_seconds: float, stopping: threading.Event
    ) -> None:
        self.claim = claim
        self.valid_until = valid_until
        self.deadline = deadline
        self._call_seconds = call_seconds
        self._stopping = stopping

    def before_call(self) -> None:
        """Raise LeaseLost unless a call begun now reaches its own deadline while the claim is certainly good.

        Raise Stopping once this process stops. The pass then records what its calls have reached, and releases the row.
        """
        if self._stopping.is_set():
            raise Stopping("the worker was told to stop")
        if elapsed() + self._call_seconds > self.valid_until:
            raise LeaseLost(f"the lease of {self.claim.row_id} does not outlast a call")


class Leases:
    """Renews every held row after each third of a lease, in one UPDATE per table, on a connection of its own."""

    def __init__(
        self,
        database: Database,
        *,
        lease_seconds: float,
        deadline_seconds: float,
        call_seconds: float,
        keep_going: KeepGoing | None = None,
    ) -> None:
        self.lease = timedelta(seconds=lease_seconds)
        self._call_seconds = call_seconds
        self._database = database
        self._deadline_seconds = deadline_seconds
        self._held: dict[tuple[type[Due], str], Lease] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._to_release: set[Claim] = set()
        self._closed = threading.Event()
        self._keep_going = keep_going or self._go_on_in_thread
        self._thread: threading.Thread | None = None
        self._renew_at: float | None = None

    @contextmanager
    def hold(self, claim: Claim, begun: float) -> Iterator[Lease]:
        """Keep `claim` renewed inside the block. `begun` is elapsed() from before the row was started."""
        lease = Lease(
            claim,
            begun + self.lease.total_seconds(),
            begun + self._deadline_seconds,
            self._call_seconds,
            self._stopping,
        )
        with self._lock:
            self._held[claim.table, claim.row_id] = lease
            if self._renew_at is None:
                self._renew_at = elapsed() + self._renewal_seconds
                self._keep_going(self.tend)
        try:
            yield lease
        finally:
            with self._lock:
                if self._held.get((claim.table, claim.row_id)) is lease:
                    del self._held[claim.table, claim.row_id]

    def give_back_later(self, claim: Claim) -> None:
        """Release this claim as soon as the database answers again, instead of waiting for the lease to expire."""
        with self._lock:
            self._to_release.add(claim)

    def stop_calls(self) -> None:
        """Let no held row begin another call from now on. Each pass ends with the calls that it has already sent."""
        self._stopping.set()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

    def tend(self) -> float:
        """Renew the leases if it is time, and release what waits for that. Returns the seconds until the next time."""
        assert self._renew_at is not None
        if elapsed() >= self._renew_at:
            self._renew_at = elapsed() + self._renewal_seconds
            _try(self._renew, "leases could not be renewed")
        _try(self._release_left, "rows could not be given back")
        return max(0.0, min(RELEASE_AGAIN_SECONDS, self._renew_at - elapsed()))

    @property
    def _renewal_seconds(self) -> float:
        return self.lease.total_seconds() / 3

    def _go_on_in_thread(self, tend: Callable[[], float]) -> None:
        """Call `tend` again and again, in a thread of its own."""

        def go_on() -> None:
            seconds = min(RELEASE_AGAIN_SECONDS, self._renewal_seconds)
            while not self._closed.wait(seconds):
                seconds = tend()

        self._thread = threading.Thread(target=go_on, name="leases", daemon=True)
        self._thread.start()

    def _release_left(self) -> None:
        """Release the claims that wait for it. A row that another worker has started since is left alone."""
        with self._lock:
            claims = list(self._to_release)
        for claim in claims:
            with self._database.transaction() as tx:
                release(tx, claim, due_at=tx.now(), untried=True)
            with self._lock:
                self._to_release.discard(claim)

    def _renew(self) -> None:
        sent = elapsed()
        by_table: dict[type[Due], list[Lease]] = defaultdict(list)
        with self._lock:
            for lease in self._held.values():
                if sent < lease.deadline:
                    by_table[lease.claim.table].append(lease)
        for table, leases in by_table.items():
            with self._database.transaction() as tx:
                found = renew_all(tx, table, [lease.claim for lease in leases], self.lease)
            for lease in leases:
                if lease.claim.row_id in found.renewed:
                    lease.valid_until = min(sent + self.lease.total_seconds(), lease.deadline)
                elif lease.claim.row_id not in found.ours:
                    lease.valid_until = 0.0


def _try(duty: Callable[[], None], words: str) -> None:
    try:
        duty()
    except Exception as error:
        log.warning(words, error=type(error).__name__)
