"""Locking a breakout: first its turn in this process, then its row, then the time. No other module decides over one.

Leaving the block looks once at what is due, writes the log, and writes what has changed of people. Facts about people
come in crowds, so a block for facts looks only if they changed something and no task is about to look anyway.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from orchestrator.errors import Unknown
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.look import look
from orchestrator.services.breakout.people_writes import PeopleWrites
from orchestrator.services.breakout.rights import show_choices
from orchestrator.services.breakout.rules import look_at_rules
from orchestrator.services.breakout.series import later_rounds
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.database import Transaction, execute, locked_time
from orchestrator.store.due import Locked
from orchestrator.store.queries import holds
from schemas.events import Topic
from schemas.problems import ProblemCode
from schemas.states import RUNNING, BreakoutState
from schemas.tables import IS_LIVE, Breakout, Inbox

_LOCK_INBOX = select(col(Inbox.id)).where(col(Inbox.id) == bindparam("of")).with_for_update(key_share=True)
_OF_MEETING = select(col(Breakout.id)).where(col(Breakout.meeting_id) == bindparam("of"))
_OPEN = _OF_MEETING.where(holds(Breakout, IS_LIVE)).limit(1)
_CLOSED = _OF_MEETING.where(col(Breakout.state) == BreakoutState.CLOSED).order_by(col(Breakout.id).desc()).limit(1)
_PRESENT = select(func.coalesce(_OPEN.scalar_subquery(), _CLOSED.scalar_subquery()))
"""The live breakout of a meeting, else the one that closed last."""


@cache
def _lock_one(dialect: str) -> Select[tuple[Breakout, datetime]]:
    """Select a breakout that is locked then, and the time."""
    held = select(Breakout).where(col(Breakout.id) == bindparam("of")).with_for_update(key_share=True).subquery()
    statement = select(aliased(Breakout, held), locked_time(dialect))
    return statement.execution_options(populate_existing=True)


@dataclass(frozen=True)
class MeetingScope:
    """A meeting, and the locked breakout to which facts about its people belong."""

    deps: Deps
    tx: Transaction
    meeting_id: str
    now: datetime
    people: PeopleWrites
    breakout: LockedBreakout | None
    """The live breakout, else the one that closed last; None for a meeting without either."""


@contextmanager
def locked(deps: Deps, breakout_id: str) -> Iterator[LockedBreakout]:
    """Lock a breakout for one transaction. Raises Unknown, and StaleVersion when a caller expects another version."""
    with deps.database.transaction() as tx, _held(deps, tx, _lock(tx, breakout_id)) as b:
        yield b


@contextmanager
def locked_if_kept(deps: Deps, breakout_id: str) -> Iterator[LockedBreakout | None]:
    """Lock a breakout that was found earlier. Gives None when it was deleted since, with its meeting."""
    with deps.database.transaction() as tx:
        held = _lock_if_kept(tx, breakout_id)
        if held is None:
            yield None
            return
        with _held(deps, tx, held) as b:
            yield b


@contextmanager
def locked_with_later_rounds(deps: Deps, breakout_id: str) -> Iterator[list[LockedBreakout]]:
    """Lock a breakout, and the rounds after it that may not have begun, for one transaction. Raises as `locked` does.

    1. Take the turns of all, because nobody may wait for a turn while others wait for a row that they have locked.
    2. Lock the rows, the first round first. A round may have begun meanwhile.
    3. Leave one after the other, and write people once for all.
    """
    with deps.database.transaction() as tx:
        row_ids = [breakout_id, *_later_rounds(tx, breakout_id)]
        for row_id in row_ids:
            _take_turn(tx, row_id)
        held = [_lock(tx, row_id) for row_id in row_ids]
        people, now = PeopleWrites(tx, held[0].row.meeting_id), held[-1].at
        rounds = [LockedBreakout(deps, tx, row, now, people) for row, _ in held]
        yield rounds
        for b in rounds:
            _settle(b, needs_look=_needs_look(b))
        people.write()


@contextmanager
def taken(deps: Deps, breakout_id: str, claim: int) -> Iterator[LockedBreakout | None]:
    """Lock a breakout by consuming the claim of its message. Gives None when the message is stale."""
    with deps.database.transaction() as tx:
        _take_turn(tx, breakout_id)
        held = due.take(tx, Breakout, breakout_id, claim)
        if held is None:
            yield None
            return
        with _held(deps, tx, held) as b:
            b.may_lock_rooms = True
            yield b


@contextmanager
def locked_for_meeting(deps: Deps, meeting_id: str) -> Iterator[MeetingScope]:
    """Lock the breakout to which facts about people of a meeting belong, or the inbox of a meeting that has none.

    An unknown meeting has neither.
    """
    with deps.database.transaction() as tx:
        held = _lock_breakout_of(deps, tx, meeting_id)
        people = PeopleWrites(tx, meeting_id)
        if held is None:
            _lock_inbox(tx, meeting_id)
            yield MeetingScope(deps, tx, meeting_id, tx.now(), people, None)
            people.write()
            return
        b = LockedBreakout(deps, tx, held.row, held.at, people)
        yield MeetingScope(deps, tx, meeting_id, held.at, people, b)
        _leave(b, needs_look=_needs_look_after_facts(b))


@contextmanager
def made(deps: Deps, tx: Transaction, row: Breakout) -> Iterator[LockedBreakout]:
    """Give a breakout that `tx` has just inserted. It is locked, because nobody else can see it yet."""
    tx.wake(Topic.MEETING.of(row.meeting_id))
    with _held(deps, tx, Locked(row, tx.now())) as b:
        yield b


@contextmanager
def _held(deps: Deps, tx: Transaction, held: Locked[Breakout]) -> Iterator[LockedBreakout]:
    b = LockedBreakout(deps, tx, held.row, held.at, PeopleWrites(tx, held.row.meeting_id))
    yield b
    _leave(b, needs_look=_needs_look(b))


def _leave(b: LockedBreakout, *, needs_look: bool) -> None:
    """Write what the block has gathered. People are written last, because they are locked last."""
    _settle(b, needs_look=needs_look)
    b.people.write()


def _settle(b: LockedBreakout, *, needs_look: bool) -> None:
    """Write what the block has gathered, but for people.

    1. Look, unless the block has left that to the breakout's task: it may move rooms and seats.
    2. Report rules that people who were seated have broken.
    3. Let whoever may choose a room see which there are now.
    4. Write the log.
    """
    if needs_look and not b.is_left_to_task:
        look(b)
    if b.has_new_seats:
        look_at_rules(b)
    if b.has_other_choices and b.row.state in RUNNING:
        show_choices(b)
    b.write_log()


def _needs_look(b: LockedBreakout) -> bool:
    """Return whether something has happened on which a look decides, or no task is about to look anyway."""
    return b.has_news() or not b.had_task_under_way


def _needs_look_after_facts(b: LockedBreakout) -> bool:
    """Return whether facts have changed what a look decides over, and no task is about to look.

    A breakout that the block itself has moved is always looked at, because its next time is to be stored.
    """
    if b.row.state is not b.state_before:
        return True
    return b.has_news() and not b.had_task_under_way


def _take_turn(tx: Transaction, breakout_id: str) -> None:
    tx.take_turn(f"breakout {breakout_id}")


def _lock(tx: Transaction, breakout_id: str) -> Locked[Breakout]:
    found = _lock_if_kept(tx, breakout_id)
    if found is None:
        raise Unknown(f"there is no breakout {breakout_id}", ProblemCode.UNKNOWN_BREAKOUT)
    return found


def _lock_if_kept(tx: Transaction, breakout_id: str) -> Locked[Breakout] | None:
    _take_turn(tx, breakout_id)
    found = tx.session.execute(_lock_one(tx.dialect), {"of": breakout_id}).one_or_none()
    if found is None:
        return None
    tx.require_version(found[0])
    return Locked(*found)


def _lock_breakout_of(deps: Deps, tx: Transaction, meeting_id: str) -> Locked[Breakout] | None:
    """Lock the breakout of a meeting, which may be deleted while this transaction waits for its turn.

    It takes no connection before it has the turn, and keeps none while it looks for another breakout.
    """
    while (breakout_id := _breakout_of(deps, meeting_id)) is not None:
        if (held := _lock_if_kept(tx, breakout_id)) is not None:
            return held
        tx.session.rollback()
    return None


def _lock_inbox(tx: Transaction, meeting_id: str) -> None:
    """Lock the inbox in place of a breakout, so that facts about the same person are not applied at the same time."""
    tx.take_turn(f"inbox {meeting_id}")
    execute(tx.session, _LOCK_INBOX, {"of": meeting_id})


def _later_rounds(tx: Transaction, breakout_id: str) -> list[str]:
    """Find the rounds after a breakout that have not begun, and forget what was read, because it may change."""
    row = tx.session.get(Breakout, breakout_id)
    found = later_rounds(tx.session, row) if row else []
    tx.session.rollback()
    return found


def _breakout_of(deps: Deps, meeting_id: str) -> str | None:
    """Find the breakout, which may change while a transaction waits for its turn."""
    with deps.database.glancing() as session:
        breakout_id: str | None = execute(session, _PRESENT, {"of": meeting_id}).scalar()
    return breakout_id
