"""Transactions in memory behave to each other as PostgreSQL's do: until it locks, one sees what others commit."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Select, select, update
from sqlmodel import col

from orchestrator.store.database import Transaction
from schemas.tables import Sweep
from tests.simulation.hub import GreenMutex, Hub
from tests.simulation.store import Memory, SimulatedDatabase


class Bench:
    """Two threads over one database in memory. Each waits a second wherever it holds no lock."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.hub = Hub(0.0)
        self.hub.may_wait = lambda: not self.memory.locked
        self.memory.reach = lambda _: self.hub.sleep(1.0)
        self.database = SimulatedDatabase.over(self.memory.engine, lambda *_: None, lambda: GreenMutex(self.hub))
        self.database.reach, self.database.kept = lambda _: None, self.memory
        self.database.on_commit = lambda: None

    def raise_page(self, read: Select[Any]) -> Callable[[], None]:
        """Return work that reads a number and writes one more."""

        def work() -> None:
            with self.database.transaction() as tx:
                self._write(tx, (tx.session.scalar(read) or 0) + 1)

        return work

    def _write(self, tx: Transaction, page: int) -> None:
        tx.session.execute(update(Sweep).values(page=page))

    def page_after(self, *works: Callable[[], None]) -> int:
        """Let these run at the same time, and return the number at the end."""
        for work in works:
            self.hub.spawn(work)
        while self.hub.loop.step():
            pass
        assert not self.hub.loop.troubles
        (page,) = self.memory.raw.execute("SELECT page FROM sweep").fetchone()
        return int(page)


READ = select(col(Sweep.page))
LOCK = READ.with_for_update()


@pytest.mark.parametrize(
    ("read", "page"),
    [(LOCK, 3), (select(LOCK.subquery()), 3), (READ, 2)],
    ids=["locked", "locked in a subquery", "not locked"],
)
def test_a_lock_that_was_forgotten_loses_an_update(read: Select[Any], page: int) -> None:
    bench = Bench()
    assert bench.page_after(*[bench.raise_page(read)] * 2) == page
