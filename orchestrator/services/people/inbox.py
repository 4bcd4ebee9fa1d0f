"""The inbox of a meeting: facts from outside are appended without a lock, and applied by a task in their order."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from typing import NamedTuple, ParamSpec, TypeVar

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from orchestrator.store import due
from orchestrator.store.bulk import insert_all
from orchestrator.store.database import Transaction
from schemas.states import FactSource
from schemas.tables import Fact, Inbox

P = ParamSpec("P")
R = TypeVar("R")


def looking_again(store: Callable[P, R]) -> Callable[P, R]:
    """Let `store` begin anew where a meeting was deleted between its look and its write: it is not found again.

    To lock the meetings before would cost a statement each time, for what hardly ever happens.
    """

    @wraps(store)
    def stored(*args: P.args, **options: P.kwargs) -> R:
        try:
            return store(*args, **options)
        except IntegrityError:
            return store(*args, **options)

    return stored


class Said(NamedTuple):
    """A fact that is to be stored, with the columns of `Fact` that are its own."""

    id: str
    inbox_id: str
    payload: str


def append(tx: Transaction, source: FactSource, said: Sequence[Said]) -> None:
    """Store new facts in one statement, and make their inboxes due. A fact whose id is there already is passed over.

    The ids are sorted, so that two processes that store the same webhooks do not wait for each other in a circle. The
    rows of the inboxes are locked last, and only until the commit that follows.
    """
    if not said:
        return
    of_all = {"source": source, "received_at": tx.now()}
    insert_all(tx.session, Fact, [of_all | one._asdict() for one in sorted(said)], passing_over=True)
    due.want(tx, Inbox, {one.inbox_id for one in said})


def take(tx: Transaction, inbox_id: str, most: int) -> Sequence[Fact]:
    """Lock the facts of a meeting that wait the longest, at most `most`, and return them in their order."""
    return tx.session.scalars(_WAITING, {"of": inbox_id, "most": most}).all()


def settle(tx: Transaction, facts: Sequence[Fact], now: datetime) -> None:
    """Store that these facts are applied. Of a webhook the id stays, so that its repetition is known."""
    by_source: dict[FactSource, list[str]] = {source: [] for source in FactSource}
    for fact in facts:
        by_source[fact.source].append(fact.id)
    stays, goes = by_source[FactSource.WEBHOOK], by_source[FactSource.ACK]
    if stays:
        applied = update(Fact).where(col(Fact.id).in_(stays)).values(applied_at=now, payload="")
        tx.session.execute(applied, execution_options={"synchronize_session": False})  # who applies them reads them yet
    if goes:
        tx.session.execute(delete(Fact).where(col(Fact.id).in_(goes)))


_WAITING = (
    select(Fact)
    .where(col(Fact.inbox_id) == bindparam("of"), col(Fact.applied_at).is_(None))
    .order_by(col(Fact.received_at), col(Fact.id))
    .limit(bindparam("most"))
    .with_for_update()
)
