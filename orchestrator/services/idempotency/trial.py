"""Trying what a request would do, and taking it back."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from orchestrator.services.deps import Deps
from orchestrator.services.idempotency.keys import Render, Reply, rendered

T = TypeVar("T")


def tried(deps: Deps, work: Callable[[Deps], T], render: Render[T]) -> Reply:
    """Do `work`, render its answer, and roll everything back: nothing is written, and nobody hears of it."""
    with deps.database.transaction() as tx:
        reply = rendered(tx, render, work(replace(deps, database=deps.database.within(tx))))
        tx.undo()
        return reply
