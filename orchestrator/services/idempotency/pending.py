"""Keys of requests that make a meeting at RealtimeKit: committed first as pending, with a mark for its title.

hold     commit the key as pending, or take it over from a request whose time is over, or wait a little for the answer
         of another request; a meeting that an earlier request made is found by the mark in its title
answer   store the answer in the transaction that records what was made; the fence is `holder`
let_go   after a failure: delete the key if certainly nothing was made, else keep its mark, for a repeat to search

A holder makes no call that could last beyond `held_until`, so no call is on its way when another request takes over.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import col

from orchestrator.errors import LeaseLost, NotNow
from orchestrator.realtimekit.titles import new_parent_key
from orchestrator.runtime.clock import elapsed, sleep
from orchestrator.services.deps import Deps
from orchestrator.services.idempotency import keys
from orchestrator.services.idempotency.keys import Beaten, Once, Reply
from orchestrator.store.database import Transaction
from schemas.columns import new_id
from schemas.problems import ProblemCode
from schemas.tables import IdempotencyKey

HOLD_CALLS = 6
"""How many calls of full length a holder has time for: presets, a search, two lists, the create, one to spare."""
PATIENCE_SECONDS = 5.0
PAUSE_SECONDS = 0.1
"""The time between two looks for another request's answer, which takes that request some calls to RealtimeKit."""


@dataclass
class Held:
    """The right to do the work of one key, until `last_call_at` and one call more."""

    once: Once
    holder: str
    mark: str
    since: datetime
    asked_at: datetime
    """When the first request with this key came; nothing was made before."""
    in_doubt_since: datetime | None
    """When an earlier request may have made the meeting, at the latest."""
    last_call_at: float
    """In seconds by elapsed(): a call that begins later might outlast the hold."""
    sent: bool = False
    """Whether this request may have made the meeting."""

    def before_call(self) -> None:
        """Raise LeaseLost when it is too late for a call."""
        if elapsed() > self.last_call_at:
            raise LeaseLost("there is no time left for another call to RealtimeKit")


def hold(deps: Deps, once: Once, *, patience_seconds: float = PATIENCE_SECONDS) -> Held | Reply:
    """Hold the key, or return another request's answer. Raises NotNow while another request works on the key."""
    patient_until = elapsed() + patience_seconds
    while elapsed() < patient_until:
        if reply := keys.kept(deps, once):
            return reply
        try:
            if held := _take(deps, once):
                return held
        except Beaten:
            continue
        sleep(PAUSE_SECONDS)
    raise NotNow("another request with this Idempotency-Key is still at work", 2.0, ProblemCode.IDEMPOTENCY_KEY_BUSY)


def answer(deps: Deps, tx: Transaction, held: Held, reply: Reply) -> None:
    """Store the answer within `tx`. Raises NotNow when another request has taken the key over meanwhile."""
    row = _mine(tx, held)
    if row is None:
        raise NotNow("this took too long, and another request with the same Idempotency-Key goes on with it")
    row.status, row.version = reply.status, reply.version
    row.answer = keys.stored_form(deps, held.once, reply)
    row.holder = row.held_until = None


def let_go(deps: Deps, held: Held) -> None:
    """Give the key up after a failure, so that a repeat may begin at once."""
    with deps.database.transaction() as tx:
        row = _mine(tx, held)
        if row is None:
            return
        if not held.sent and held.in_doubt_since is None:
            tx.session.delete(row)
            return
        row.holder = row.held_until = None
        row.in_doubt_since = tx.now() if held.sent else held.in_doubt_since


def _take(deps: Deps, once: Once) -> Held | None:
    """Hold the key, unless it is held or answered. Raises Beaten, and Malformed when it came with another body."""
    begun, length = elapsed(), HOLD_CALLS * deps.settings.realtimekit_timeout_seconds
    with deps.database.transaction() as tx:
        row = keys.find(tx.session, once, lock=True)
        now = tx.now()
        if row is None:
            row = IdempotencyKey(id=once.id, body_hash=once.body_hash, created_at=now, mark=new_parent_key())
            keys.add(tx, row)
        elif row.status is not None or (row.held_until is not None and row.held_until > now):
            return None
        elif row.held_until is not None:  # its holder has died or taken too long
            row.in_doubt_since = row.held_until
        row.holder, row.held_until = new_id(), now + timedelta(seconds=length)
        assert row.mark is not None
        last_call_at = begun + length - deps.settings.realtimekit_timeout_seconds
        return Held(once, row.holder, row.mark, now, row.created_at, row.in_doubt_since, last_call_at)


def _mine(tx: Transaction, held: Held) -> IdempotencyKey | None:
    mine = col(IdempotencyKey.id) == held.once.id, col(IdempotencyKey.holder) == held.holder
    return tx.session.scalar(select(IdempotencyKey).where(*mine).with_for_update())
