"""Making RealtimeKit's polls in an open room, each at most once.

RealtimeKit has no call that tells which polls there are. So what may have been sent is never sent again: should the
answer be lost, with this process or on the way, nobody knows whether the poll was made, and that is reported.
"""

from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update
from sqlmodel import Session, col

from orchestrator.errors import NotFound, RealtimeKitError, Refused, TryAgain
from orchestrator.realtimekit.records import PollText
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.deps import Deps
from orchestrator.services.rooms.work import RoomWork
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.leases import Lease
from orchestrator.store.queries import occupied_rooms
from schemas.events import ProblemKind
from schemas.tables import Room, RoomPoll


@dataclass(frozen=True)
class Lost:
    """Nobody knows any more what became of a poll that an earlier pass has sent."""


PollOutcome = RealtimeKitError | Lost | None
"""None: it was made."""


def make_polls(deps: Deps, lease: Lease, work: RoomWork, meeting_id: str) -> dict[str, PollOutcome]:
    """Make the polls that are wanted in the room. Raises LeaseLost.

    1. Mark them as asked, in a transaction of its own, so that no other pass ever sends them.
    2. Make the calls, one after the other: they are seen in the order in which they were asked for.
    """
    if not work.has_polls:
        return {}
    with deps.database.transaction() as tx:
        due.record(tx, lease.claim, progress=False)
        wanted, lost = _mark_asked(tx, work.room_id)
    outcomes: dict[str, PollOutcome] = dict.fromkeys(lost, Lost())
    for poll_id, poll in wanted.items():
        outcomes[poll_id] = _error_of(deps, lease, deps.realtimekit.create_poll(meeting_id, poll))
    return outcomes


def _mark_asked(tx: Transaction, room_id: str) -> tuple[dict[str, PollText], list[str]]:
    """Return the polls that are to be made, and those that an earlier pass may have made."""
    wanted, lost = dict[str, PollText](), list[str]()
    for poll in _unfinished(tx.session, room_id):
        if poll.is_asked:
            lost.append(poll.id)
        else:
            wanted[poll.id] = PollText(poll.question, tuple(poll.options), poll.anonymous, poll.hide_votes)
            poll.is_asked = True
    return wanted, lost


def _error_of(deps: Deps, lease: Lease, call: Coroutine[Any, Any, None]) -> RealtimeKitError | None:
    try:
        deps.realtimekit.run(call, lease.before_call)
    except RealtimeKitError as error:
        return error
    return None


def record_polls(b: LockedBreakout, room: Room, outcomes: Mapping[str, PollOutcome]) -> None:
    """Record what became of the polls. One that was certainly not sent is wanted again, the others are forgotten."""
    if not outcomes:
        return
    is_empty = not occupied_rooms(b.tx.session, [room.id])
    for poll in b.tx.session.scalars(select(RoomPoll).where(col(RoomPoll.id).in_(list(outcomes)))).all():
        outcome = outcomes[poll.id]
        if isinstance(outcome, TryAgain):
            poll.is_asked = False
            continue
        b.tx.session.delete(poll)
        _report(b, room, poll, outcome, is_empty=is_empty)
    b.tx.session.flush()
    room.has_polls = bool(_unfinished(b.tx.session, room.id))


def _report(b: LockedBreakout, room: Room, poll: RoomPoll, outcome: PollOutcome, *, is_empty: bool) -> None:
    """Report a poll that was not made, or of which that is not known. Where nobody is, it is passed over."""
    match outcome:
        case None | NotFound():
            return
        case Refused():
            if not is_empty:
                b.report(ProblemKind.POLL_REFUSED, outcome.message, room_id=room.id)
        case _:
            detail = f"RealtimeKit's answer was lost, so nobody knows whether it was made: {poll.question}"
            b.report(ProblemKind.POLL_UNCERTAIN, detail, room_id=room.id)


def forget_polls(b: LockedBreakout, rooms: Iterable[Room]) -> None:
    """Forget polls that were not made before their rooms closed."""
    ids = [room.id for room in rooms if room.has_polls]
    if ids:
        b.tx.session.execute(delete(RoomPoll).where(col(RoomPoll.room_id).in_(ids)))
        b.tx.session.execute(update(Room).where(col(Room.id).in_(ids)).values(has_polls=False))


def _unfinished(session: Session, room_id: str) -> list[RoomPoll]:
    statement = select(RoomPoll).where(col(RoomPoll.room_id) == room_id).order_by(col(RoomPoll.id))
    return list(session.scalars(statement))
