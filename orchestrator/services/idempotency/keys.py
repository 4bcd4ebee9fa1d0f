"""Doing a thing once, however often it is asked for with the same Idempotency-Key.

Work on our own tables commits its answer in the very transaction of the work: a crash loses both or neither, and of two
that do it at the same time the second to commit is rolled back and gives the answer of the first. Work at RealtimeKit
can't be rolled back; orchestrator/services/pending.py says how that is done.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from orchestrator.errors import Malformed, NotNow, UserError
from orchestrator.services.deps import Deps
from orchestrator.store.database import Transaction, database_now
from schemas.tables import IdempotencyKey

KEPT = timedelta(hours=24)
PURGED_AT_ONCE = 100
"""Old rows that each new one takes along; far more than one, so that they never pile up."""
WHERE = ("header", "Idempotency-Key")

T = TypeVar("T")


@dataclass(frozen=True)
class Once:
    """Which request it is: who asks for what, under which key."""

    id: str
    body_hash: str
    secret: bool = False
    """The answer holds a token, and is stored encrypted."""


@dataclass(frozen=True)
class Reply:
    """An answer as it was, or will be, sent."""

    status: int
    body: str
    replayed: bool = False


Render = Callable[[Session, T], Reply]
"""The answer to finished work, from what the session sees."""


class Beaten(NotNow):
    """Another request with the same key has committed first."""


def once_for(caller: str, path: str, key: str, body: bytes, *, secret: bool = False) -> Once:
    """Of two bodies that mean the same JSON either may come; a body that isn't JSON is taken as it is."""
    with suppress(ValueError, RecursionError):
        body = json.dumps(json.loads(body), sort_keys=True).encode()
    return Once(_hash(json.dumps([caller, path, key]).encode()), _hash(body), secret)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def run(deps: Deps, once: Once, work: Callable[[Deps], T], render: Render[T]) -> Reply:
    """Do `work`, one call of a service that makes nothing outside, once.

    It gets a database whose transactions are all one: this one. An error is not remembered: the caller may repeat.
    Raises Malformed for another body, and what `work` raises.
    """
    if reply := kept(deps, once):
        return reply
    try:
        return _try(deps, once, work, render)
    except UserError:
        # Perhaps it was refused only because the first request had done it meanwhile.
        if reply := kept(deps, once):
            return reply
        raise


def _try(deps: Deps, once: Once, work: Callable[[Deps], T], render: Render[T]) -> Reply:
    with deps.database.transaction() as tx:
        reply = rendered(tx, render, work(replace(deps, database=deps.database.within(tx))))
        answer = stored_form(deps, once, reply)
        add(
            tx,
            IdempotencyKey(
                id=once.id, body_hash=once.body_hash, created_at=tx.now(), status=reply.status, answer=answer
            ),
        )
    return reply


def rendered(tx: Transaction, render: Render[T], result: T) -> Reply:
    """Render the answer as it will be after the commit. It is read anew, because statements bypass loaded rows."""
    tx.session.flush()
    tx.session.expire_all()
    return render(tx.session, result)


def kept(deps: Deps, once: Once) -> Reply | None:
    """The answer given before, if there is one. Raises Malformed when the key came with another body."""
    with deps.database.reading() as session:
        row = find(session, once)
    if row is None or row.status is None or row.answer is None:
        return None
    body = deps.vault.open(row.answer) if once.secret else row.answer
    if body is None:
        raise Malformed("what this Idempotency-Key made was sealed with a SECRET_KEY that is gone: take another", WHERE)
    return Reply(row.status, body, replayed=True)


def find(session: Session, once: Once, *, lock: bool = False) -> IdempotencyKey | None:
    """The key's row, unless it is too old to count. Raises Malformed when it is about another body."""
    young = col(IdempotencyKey.created_at) > database_now(session) - KEPT
    statement = select(IdempotencyKey).where(col(IdempotencyKey.id) == once.id, young)
    row = session.scalar(statement.with_for_update() if lock else statement)
    if row is not None and row.body_hash != once.body_hash:
        raise Malformed("this Idempotency-Key came with another body before", WHERE)
    return row


def add(tx: Transaction, row: IdempotencyKey) -> None:
    """Store a new row, and purge old ones. Raises Beaten when somebody else has stored it meanwhile."""
    _purge(tx, row.id, row.created_at - KEPT)
    try:
        tx.session.add(row)
        tx.session.flush()
    except IntegrityError:
        raise Beaten("another request with the same Idempotency-Key was quicker") from None


def stored_form(deps: Deps, once: Once, reply: Reply) -> str:
    """What is stored of an answer."""
    return deps.vault.seal(reply.body) if once.secret else reply.body


def _purge(tx: Transaction, row_id: str, before: datetime) -> None:
    """The key's own old row, and some others by the index; those that another transaction purges are passed over."""
    old = select(col(IdempotencyKey.id)).where(col(IdempotencyKey.created_at) <= before)
    some = old.order_by(col(IdempotencyKey.created_at)).limit(PURGED_AT_ONCE).with_for_update(skip_locked=True)
    for ids in (old.where(col(IdempotencyKey.id) == row_id), some):
        tx.session.execute(
            delete(IdempotencyKey).where(col(IdempotencyKey.id).in_(ids)).execution_options(synchronize_session=False)
        )
