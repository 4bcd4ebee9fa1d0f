"""Participants who choose a room of their own, or go back to main."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.errors import Forbidden, UserError, WrongState
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.locked import MeetingScope, locked_for_meeting
from orchestrator.services.breakout.moving import move, present_of, require_open, room_in, seats_of
from orchestrator.services.breakout.rights import Rights
from orchestrator.services.deps import Deps
from orchestrator.store.queries import person
from schemas.events import ActorKind
from schemas.problems import ProblemCode
from schemas.states import LIVE, RUNNING, BreakoutState, RoomState, SeatState
from schemas.tables import Participant, Room, Seat


@dataclass(frozen=True)
class Choice:
    """Where somebody wants to be: in a room, or (None) in main."""

    participant_id: str
    meeting_id: str
    room_id: str | None


def choose_all(deps: Deps, choices: Sequence[Choice]) -> list[UserError | None]:
    """Seat people where they want to be, in their order. Returns for each why not.

    Those of one meeting share a transaction, because a crowd chooses in the same second. A refused one writes nothing.
    """
    refused: dict[int, UserError] = {}
    for meeting_id in sorted({choice.meeting_id for choice in choices}):
        with locked_for_meeting(deps, meeting_id) as m:
            if m.breakout is not None:
                m.breakout.lock_rooms()
            for number, choice in enumerate(choices):
                if choice.meeting_id == meeting_id:
                    try:
                        _choose(m, choice)
                    except UserError as error:
                        refused[number] = error
    return [refused.get(number) for number in range(len(choices))]


def _choose(m: MeetingScope, choice: Choice) -> None:
    """Seat somebody where they want to be.

    Raises Unknown, Forbidden, WrongState, Malformed for a room of another breakout.
    """
    chooser, b = person(m.tx.session, choice.participant_id), m.breakout
    allowed = LIVE if choice.room_id is None else RUNNING
    if b is None or b.row.state not in allowed:
        state = "none" if b is None else b.row.state.value
        raise WrongState("no breakout of this meeting is open", state, sorted(it.value for it in allowed))
    seats = seats_of(b, chooser.id)
    present = present_of(seats)
    if (present.room_id if present else None) == choice.room_id:
        if present is not None and present.state is SeatState.AWAY:
            b.people.raise_versions([chooser.id])  # their browser is told to go there once more
        return
    if choice.room_id is not None or present is None or not _is_in_countdown(b, present):
        _require_right(b, chooser, seats, choice.room_id)
    room = room_in(b, choice.room_id) if choice.room_id is not None else None
    if room is not None:
        require_open(room)
    with b.acting(ActorKind.PARTICIPANT.named(chooser.custom_participant_id)):
        move(b, chooser.id, seats, room, pinned=False)
    if room is None and present is not None:
        present.may_come_back = True


def _is_in_countdown(b: LockedBreakout, present: Seat) -> bool:
    """Return whether the breakout closes, or this person's room: then they may go to main, whatever is allowed else."""
    room = b.tx.session.get_one(Room, present.room_id)
    return b.row.state is BreakoutState.CLOSING or room.state is RoomState.CLOSING


def _require_right(b: LockedBreakout, chooser: Participant, seats: Sequence[Seat], room_id: str | None) -> None:
    """Raise Forbidden for a place to which this person may not go.

    Whoever may return may go to main, and back to the room that they left for it.
    """
    rights = Rights(b.tx.session, [b.row])
    if room_id is None:
        may = rights.may_leave(b.row, chooser)
    else:
        is_way_back = any(seat.may_come_back and seat.room_id == room_id for seat in seats)
        may = rights.may_switch(b.row, chooser) or (is_way_back and rights.may_return(b.row, chooser))
    if not may:
        raise Forbidden("this breakout does not let its people go there by themselves", ProblemCode.NOT_ALLOWED)
