"""Participants who choose a room of their own, or go back to main."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from orchestrator.errors import Forbidden, Unknown, UserError, WrongState
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.locked import MeetingScope, locked_for_meeting
from orchestrator.services.breakout.moving import (
    Move,
    move_all,
    present_of,
    require_open,
    require_place,
    seats_of,
    unknown_room,
)
from orchestrator.services.breakout.rights import Rights
from orchestrator.services.deps import Deps
from orchestrator.store.queries import people, room_sizes
from schemas.problems import ProblemCode
from schemas.states import LIVE, RUNNING, BreakoutState, RoomState, SeatState
from schemas.tables import Participant, Seat


@dataclass(frozen=True)
class Choice:
    """Where somebody wants to be: in a room, or (None) in main."""

    participant_id: str
    meeting_id: str
    room_id: str | None


Numbered = tuple[int, Choice]
"""A choice and its place among those that came with it."""


def choose_all(deps: Deps, choices: Sequence[Choice]) -> list[UserError | None]:
    """Seat people where they want to be, in their order. Returns for each why not.

    Those of one meeting share a transaction, because a crowd chooses in the same second. It has as many statements
    however many choose, because operators wait for the breakout's lock. Somebody who chooses again begins another one.
    A refused choice writes nothing.
    """
    refused: dict[int, UserError] = {}
    for meeting_id in sorted({choice.meeting_id for choice in choices}):
        mine = [(number, choice) for number, choice in enumerate(choices) if choice.meeting_id == meeting_id]
        for once_each in _runs(mine):
            with locked_for_meeting(deps, meeting_id) as m:
                refused |= _choose(m, once_each)
    return [refused.get(number) for number in range(len(choices))]


def _runs(numbered: Iterable[Numbered]) -> Iterator[list[Numbered]]:
    """Yield the choices in their order, in runs in which nobody chooses twice."""
    run: list[Numbered] = []
    for number, choice in numbered:
        if any(choice.participant_id == earlier.participant_id for _, earlier in run):
            yield run
            run = []
        run.append((number, choice))
    if run:
        yield run


def _choose(m: MeetingScope, numbered: Sequence[Numbered]) -> dict[int, UserError]:
    """Seat people where they want to be, each of them once. Returns by their numbers why some are refused."""
    if m.breakout is None:
        return {number: _not_open("none", choice) for number, choice in numbered}
    m.breakout.lock_rooms()
    crowd = _Crowd(m.breakout, [choice.participant_id for _, choice in numbered])
    refused: dict[int, UserError] = {}
    for number, choice in numbered:
        try:
            crowd.decide(choice)
        except UserError as error:
            refused[number] = error
    crowd.move()
    return refused


class _Crowd:
    """People who choose in one transaction: what is read for all of them, and who is to be moved."""

    def __init__(self, b: LockedBreakout, participant_ids: Sequence[str]) -> None:
        self._b = b
        self._people = people(b.tx.session, participant_ids)
        self._rights = Rights(b.tx.session, [b.row])
        self._rooms = {room.id: room for room in b.rooms()}
        self._sizes = Counter(room_sizes(b.tx.session, b.row.id))
        self._seats = seats_of(b, participant_ids)
        self._moves: list[Move] = []
        self._left: list[Seat] = []
        self._sent_again: list[str] = []

    def decide(self, choice: Choice) -> None:
        """Note where somebody goes, after those who have chosen before them.

        Raises Unknown, Forbidden, WrongState, Malformed for a room of another breakout.
        """
        chooser = self._people.get(choice.participant_id)
        if chooser is None:
            raise Unknown("there is no such participant", ProblemCode.UNKNOWN_PARTICIPANT)
        if self._b.row.state not in _allowed(choice):
            raise _not_open(self._b.row.state.value, choice)
        present = present_of(self._seats[chooser.id])
        if (present.room_id if present else None) != choice.room_id:
            self._require_right(chooser, present, choice.room_id)
            self._note(chooser, present, choice.room_id)
        elif present is not None and present.state is SeatState.AWAY:
            self._sent_again.append(chooser.id)

    def move(self) -> None:
        """Move everybody who may go. They are themselves the actors of that."""
        if self._moves:
            with self._b.acting_themselves():
                move_all(self._b, self._moves, pinned=False)
        for seat in self._left:
            seat.may_come_back = True
        if self._sent_again:
            self._b.people.raise_versions(self._sent_again)  # their browsers are told to go there once more

    def _note(self, chooser: Participant, present: Seat | None, room_id: str | None) -> None:
        room = self._rooms.get(room_id) if room_id is not None else None
        if room is None and room_id is not None:
            raise unknown_room(room_id)
        move = Move(chooser.id, self._seats[chooser.id], room)
        if room is not None:
            require_open(room)
            require_place(room, self._sizes[room.id])
            self._sizes[room.id] += 1
        elif present is not None:
            self._left.append(present)
        if move.wanted is not None:
            self._sizes[move.wanted.room_id] -= 1
        self._moves.append(move)

    def _require_right(self, chooser: Participant, present: Seat | None, room_id: str | None) -> None:
        """Raise Forbidden for a place to which this person may not go.

        Whoever may return may go to main, and back to the room that they left for it. In a countdown everybody may go
        to main.
        """
        row, rights = self._b.row, self._rights
        if room_id is None:
            may = rights.may_leave(row, chooser) or (present is not None and self._is_in_countdown(present))
        else:
            is_way_back = any(seat.may_come_back and seat.room_id == room_id for seat in self._seats[chooser.id])
            may = rights.may_switch(row, chooser) or (is_way_back and rights.may_return(row, chooser))
        if not may:
            raise Forbidden("this breakout does not let its people go there by themselves", ProblemCode.NOT_ALLOWED)

    def _is_in_countdown(self, present: Seat) -> bool:
        """Return whether the breakout closes, or this person's room."""
        return self._b.row.state is BreakoutState.CLOSING or self._rooms[present.room_id].state is RoomState.CLOSING


def _allowed(choice: Choice) -> frozenset[BreakoutState]:
    return LIVE if choice.room_id is None else RUNNING


def _not_open(state: str, choice: Choice) -> WrongState:
    return WrongState("no breakout of this meeting is open", state, sorted(it.value for it in _allowed(choice)))
