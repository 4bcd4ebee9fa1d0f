"""Stored answers by Idempotency-Key: the work is done once, however often the request comes.

Work on our own tables commits its answer in the transaction of the work, so that a crash loses both or neither. Of two
requests at the same time in one process the second waits for the first; in two processes the second to commit is rolled
back. Either way it gets the answer of the first. Work at RealtimeKit can't be rolled back;
orchestrator/services/idempotency/pending.py says how that is done.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Select, delete, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from orchestrator.errors import Malformed, NotNow, UserError
from orchestrator.services.deps import Deps
from orchestrator.store.database import Transaction, database_now
from orchestrator.store.trouble import DATABASE_TROUBLE
from schemas.problems import ProblemCode
from schemas.tables import IdempotencyKey

KEY_LIFETIME = timedelta(hours=24)
PURGED_ROWS = 100
"""Old rows that each new row purges: far more than one, so that they never pile up."""
WHERE = ("header", "Idempotency-Key")

T = TypeVar("T")


IsGood = Callable[[Session, str], bool]
"""Whether the body of an answer may be given again."""


@dataclass(frozen=True)
class Once:
    """One request with a key: the hash of caller, path and key, and the hash of its body."""

    id: str
    body_hash: str
    secret: bool = False
    """Whether the answer holds a token, and is stored encrypted."""
    about: str | None = None
    """The id of the breakout or the meeting in its path."""
    is_good: IsGood | None = None
    """Says of an answer whether it is still good; None: it always is."""


@dataclass(frozen=True)
class Reply:
    """An answer, as it is sent or was sent before."""

    status: int
    body: str
    version: int | None = None
    """The version of the breakout or the meeting that it shows; null when it shows neither."""
    replayed: bool = False


Render = Callable[[Session, T], Reply]
"""Renders the answer to finished work, from what the session reads."""


class Beaten(NotNow):
    """Another request with the same key has committed first."""


def once_for(caller: str, path: str, key: str, body: bytes, *, secret: bool = False, about: str | None = None) -> Once:
    """Identify a request. Bodies that mean the same JSON are equal; a body that is not JSON counts byte by byte."""
    with suppress(ValueError, RecursionError):
        body = json.dumps(json.loads(body), sort_keys=True).encode()
    return Once(_hash(json.dumps([caller, path, key]).encode()), _hash(body), secret, about)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def run(
    deps: Deps, once: Once, work: Callable[[Deps], T], render: Render[T], begin: Callable[[], Deps] | None = None
) -> Reply:
    """Do `work` once: one call of a service that makes nothing at RealtimeKit.

    `begin` gives the parts for it, or raises, unless there is an answer already. All transactions of the database that
    `work` gets are one, which also stores the answer. An error is not stored, so the caller may repeat.

    Raises Malformed when the key came with another body, and what `begin` and `work` raise.
    """
    if reply := kept(deps, once):
        return reply
    try:
        return _try(begin() if begin else deps, once, work, render)
    except (UserError, *DATABASE_TROUBLE):
        # Perhaps the work failed, or waited for too long, only because the first request has done it meanwhile.
        if reply := kept(deps, once):
            return reply
        raise


def _try(deps: Deps, once: Once, work: Callable[[Deps], T], render: Render[T]) -> Reply:
    with deps.database.transaction() as tx:
        tx.take_turn(once.id)
        if reply := kept(deps, once):
            return reply
        reply = rendered(tx, render, work(replace(deps, database=deps.database.within(tx))))
        answer = stored_form(deps, once, reply)
        add(
            tx,
            IdempotencyKey(
                id=once.id,
                body_hash=once.body_hash,
                created_at=tx.now(),
                status=reply.status,
                answer=answer,
                version=reply.version,
                about=once.about,
            ),
        )
    return reply


def rendered(tx: Transaction, render: Render[T], result: T) -> Reply:
    """Render the answer from rows that are read again, because statements do not update rows loaded before."""
    tx.session.flush()
    tx.session.expire_all()
    return render(tx.session, result)


def kept(deps: Deps, once: Once) -> Reply | None:
    """Return the stored answer, if there is one. Raises Malformed when the key came with another body."""
    with deps.database.glancing() as session:
        row = find(session, once)
        if row is None or row.status is None or row.answer is None:
            return None
        body = deps.vault.open(row.answer) if once.secret else row.answer
        if body is None:
            words = "what this Idempotency-Key made was sealed with a SECRET_KEY that is gone: take another"
            raise Malformed(words, WHERE, ProblemCode.IDEMPOTENCY_KEY_SEALED)
        if once.is_good is None or once.is_good(session, body):
            return Reply(row.status, body, row.version, replayed=True)
    _forget(deps, row)
    return None


def _forget(deps: Deps, row: IdempotencyKey) -> None:
    """Delete an answer that is not good any more, unless another request has done so and stored its own."""
    with deps.database.transaction() as tx:
        mine = col(IdempotencyKey.id) == row.id, col(IdempotencyKey.answer) == row.answer
        tx.session.execute(delete(IdempotencyKey).where(*mine).execution_options(synchronize_session=False))


def find(session: Session, once: Once, *, lock: bool = False) -> IdempotencyKey | None:
    """Return the key's row, unless it is older than KEY_LIFETIME. Raises Malformed when it came with another body."""
    young = col(IdempotencyKey.created_at) > database_now(session) - KEY_LIFETIME
    statement = select(IdempotencyKey).where(col(IdempotencyKey.id) == once.id, young)
    row = session.scalar(statement.with_for_update() if lock else statement)
    if row is not None and row.body_hash != once.body_hash:
        raise Malformed("this Idempotency-Key came with another body before", WHERE, ProblemCode.IDEMPOTENCY_KEY_REUSED)
    return row


def add(tx: Transaction, row: IdempotencyKey) -> None:
    """Store a new row, and purge old ones. Raises Beaten when another request has stored it meanwhile."""
    _purge(tx, row.id, row.created_at - KEY_LIFETIME)
    try:
        tx.session.add(row)
        tx.session.flush()
    except IntegrityError:
        raise Beaten("another request with the same Idempotency-Key was quicker") from None


def stored_form(deps: Deps, once: Once, reply: Reply) -> str:
    """Return the body of an answer as it is stored: encrypted if it holds a token."""
    return deps.vault.seal(reply.body) if once.secret else reply.body


def purge_old(tx: Transaction, before: datetime) -> None:
    """Delete all rows that are older. Rows that another transaction purges are skipped."""
    _delete(tx, _old(before).with_for_update(skip_locked=True))


def _purge(tx: Transaction, row_id: str, before: datetime) -> None:
    """Delete the key's own old row, and PURGED_ROWS others. Rows that another transaction purges are skipped."""
    old = _old(before)
    some = old.order_by(col(IdempotencyKey.created_at)).limit(PURGED_ROWS).with_for_update(skip_locked=True)
    for ids in (old.where(col(IdempotencyKey.id) == row_id), some):
        _delete(tx, ids)


def _old(before: datetime) -> Select[Any]:
    return select(col(IdempotencyKey.id)).where(col(IdempotencyKey.created_at) <= before)


def _delete(tx: Transaction, ids: Select[Any]) -> None:
    statement = delete(IdempotencyKey).where(col(IdempotencyKey.id).in_(ids))
    tx.session.execute(statement.execution_options(synchronize_session=False))
