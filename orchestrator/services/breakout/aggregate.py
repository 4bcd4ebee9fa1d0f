"""A locked breakout: what may be done to it, its rooms, seats and recordings while its lock is held.

Every change of a state goes through here. It is checked against the table of moves and written to the breakout's log.
`locked` (locked.py) makes these objects and writes what they gather.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy.orm.attributes import flag_modified
from sqlmodel import col

from orchestrator import metrics
from orchestrator.domain.erasing import EraserOfAll
from orchestrator.domain.lifecycle import check_move
from orchestrator.services.breakout.people_writes import PeopleWrites
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.bulk import insert_all
from orchestrator.store.database import Transaction, execute
from orchestrator.store.endpoints import note_growth
from orchestrator.store.queries import hash_key, rooms_of
from orchestrator.store.versions import count_change
from schemas.events import ActorKind, EventType, ProblemKind, Topic
from schemas.states import OPEN_TO_ALL, BreakoutState, RecordingState, RoomState, SeatState
from schemas.tables import Breakout, Event, Participant, Recording, Room, Seat

_ROOMS = select(col(Room.id)).where(col(Room.breakout_id) == bindparam("of")).order_by(col(Room.id))
_LOCK_ROOMS = _ROOMS.where(col(Room.retired_at).is_(None)).with_for_update(key_share=True)
_LOCK_SOME_ROOMS = _ROOMS.where(col(Room.id).in_(bindparam("some"))).with_for_update(key_share=True)
AS_NEW: Mapping[str, Any] = {
    "wanted": True,
    "leave_by": None,
    "given_up": False,
    "error": None,
    "auth_token": None,
    "token_made_at": None,
    "token_renew_at": None,
    "token_good_until": None,
}
"""What is stored of a seat that begins again, whatever there was."""


class LockedBreakout:
    """A breakout whose row this transaction has locked, and everything that is decided under that lock."""

    def __init__(self, deps: Deps, tx: Transaction, row: Breakout, now: datetime, people: PeopleWrites) -> None:
        self.deps = deps
        self.tx = tx
        self.row = row
        self.now = now
        """The database's time, taken after the lock."""
        self.actor = deps.actor
        """Who does what is done now, for the log."""
        self.people = people
        """Changes to people of the meeting, which are written last."""
        self.state_before = row.state
        """The state in which the block found the breakout."""
        self.had_task_under_way = row.dispatches > 0
        """Whether a message had been sent that nobody had started. Its task is going to look."""
        self.is_left_to_task = False
        """Whether the block has sent the breakout's task, which is to look instead of it."""
        self.may_lock_rooms = False
        """Whether a look may lock any room: it has locked all of them, or nothing but the breakout."""
        self.has_facts = False
        """Whether facts have come on which a look decides, although they moved nothing."""
        self.has_new_seats = False
        """Whether people were seated in this block, which may break rules of the plan."""
        self.has_other_choices = False
        """Whether a room has become one that people may choose, or is none any more."""
        self.is_dealt_by_solver = False
        """Whether it was the solver that found the places for them."""
        self._are_acting = False
        self._events: list[dict[str, Any]] = []
        self._names: dict[str, str] = {}

    @contextmanager
    def acting(self, actor: str) -> Iterator[None]:
        """Write `actor` to the log for what is done within."""
        before, self.actor = self.actor, actor
        try:
            yield
        finally:
            self.actor = before

    @contextmanager
    def acting_themselves(self) -> Iterator[None]:
        """Write to the log for what is done to seats within that their people have done it."""
        before, self._are_acting = self._are_acting, True
        try:
            yield
        finally:
            self._are_acting = before

    def move(self, to: BreakoutState) -> None:
        """Move the breakout itself. Raises IllegalMove."""
        check_move(self.row.state, to)
        self.log(EventType.BREAKOUT_STATE, {"from": self.row.state, "to": to})
        self.tx.wake(Topic.MEETING.of(self.row.meeting_id))
        self.row.state = to

    def move_rooms(self, rooms: Iterable[Room], to: RoomState) -> None:
        """Move rooms of the breakout. Raises IllegalMove."""
        for room in rooms:
            check_move(room.state, to)
            self.has_other_choices |= (room.state in OPEN_TO_ALL) is not (to in OPEN_TO_ALL)
            self.log(EventType.ROOM_STATE, {"room_id": room.id, "from": room.state, "to": to})
            room.state = to

    def move_seats(self, seats: Iterable[Seat], to: SeatState) -> None:
        """Move seats of the breakout. Raises IllegalMove."""
        moving = list(seats)
        names = self.names(seat.participant_id for seat in moving)
        for seat in moving:
            check_move(seat.state, to)
            self._log_seat(names[seat.participant_id], seat.room_id, seat.state, to)
            seat.state = to

    def add_seat(self, seat: Seat) -> None:
        """Seat a person of the meeting in a room where they had no seat before."""
        self.has_new_seats = True
        self.tx.session.add(seat)
        name = self.names([seat.participant_id])[seat.participant_id]
        self._log_seat(name, seat.room_id, None, SeatState.ASSIGNED)

    def begin_seat_again(self, seat: Seat, previous_id: str | None) -> None:
        """Seat a person in a room where they had a seat before.

        Whatever was stored for the time before must not happen any more. RealtimeKit's record of them is kept, and so
        is `being_put_out`, which is about a call and not about a wish.
        """
        self.has_new_seats = True
        seat.state, seat.previous_id, seat.again_since = SeatState.ASSIGNED, previous_id, self.now
        for column, value in AS_NEW.items():
            setattr(seat, column, value)
        for column in (*AS_NEW, "state", "previous_id", "again_since"):
            flag_modified(seat, column)  # all such seats are then written alike, which is one statement
        name = self.names([seat.participant_id])[seat.participant_id]
        self._log_seat(name, seat.room_id, None, SeatState.ASSIGNED)

    def _log_seat(self, name: str, room_id: str, before: SeatState | None, to: SeatState) -> None:
        data = {"custom_participant_id": name, "room_id": room_id, "from": before, "to": to}
        with self.acting(ActorKind.PARTICIPANT.named(name) if self._are_acting else self.actor):
            self.log(EventType.PARTICIPANT_STATE, data)

    def move_recording(self, recording: Recording, to: RecordingState) -> None:
        """Move a recording of the breakout. Raises IllegalMove."""
        check_move(recording.state, to)
        data = {"recording_id": recording.id, "room_id": recording.room_id, "from": recording.state, "to": to}
        self.log(EventType.RECORDING_STATE, data)
        recording.state = to

    def report(
        self,
        kind: ProblemKind,
        detail: str,
        *,
        room_id: str | None = None,
        custom_participant_id: str | None = None,
        realtimekit_id: str | None = None,
    ) -> None:
        """Report a problem to operators. It stays in the breakout's `problems`.

        `realtimekit_id` names the thing at RealtimeKit that a sweep or a closing room has dealt with.
        """
        data = {"what": kind, "detail": detail, "room_id": room_id, "custom_participant_id": custom_participant_id}
        self.log(EventType.PROBLEM, data | ({"realtimekit_id": realtimekit_id} if realtimekit_id else {}))

    def reported(self, kind: ProblemKind) -> list[Mapping[str, Any]]:
        """Return what was reported about problems of this kind."""
        self.write_log()
        statement = select(col(Event.data)).where(
            col(Event.breakout_id) == self.row.id, col(Event.type) == EventType.PROBLEM
        )
        return [data for data in self.tx.session.scalars(statement) if data["what"] == kind]

    def change_by_operator(self, fields: Iterable[str]) -> None:
        """Count an operator's change of these fields of the breakout, log it, and wake everybody's stream."""
        names = list(fields)
        self.count_change(*names)
        self.log(EventType.BREAKOUT_CHANGED, {"fields": names})
        self.people.raise_versions()

    def count_change(self, *fields: str) -> None:
        """Count an operator's change of these fields of B that has events of its own."""
        count_change(self.row, *fields)

    def log(self, kind: EventType, data: Mapping[str, Any]) -> None:
        """Append to the breakout's log. Its numbers have no gaps, because they are raised under the lock."""
        number = self.row.events + len(self._events) + 1  # stored with the events, because each flush would write it
        who = {"at": self.now, "actor": self.actor if self.row.names_kept else self._nameless(self.actor)}
        self._events.append({"breakout_id": self.row.id, "number": number, "type": kind, "data": data, **who})
        self.tx.wake(Topic.BREAKOUT.of(self.row.id))
        self.tx.count(partial(metrics.count_event, kind, data))

    def _nameless(self, actor: str) -> str:
        """Return an actor without their name. Hosts may change what has ended and names nobody any more."""
        return EraserOfAll(hash_key(self.tx.session), self.row.meeting_id).actor(actor)

    def leave_to_task(self) -> None:
        """Make the breakout due now and send its task, which looks. A request must not wait for that much work."""
        due.set_due_with(self.tx, self.row, self.now)
        due.dispatch(self.tx, Breakout, [self.row.id], now=self.now)
        self.is_left_to_task = True

    def has_news(self) -> bool:
        """Return whether anything has happened in this block on which a look decides."""
        return self.has_facts or bool(self._events)

    def lock_rooms(self, room_ids: Iterable[str] | None = None) -> None:
        """Lock these rooms, or all that are not retired, in the order of their ids and in one statement.

        Rooms are locked before seats. A block that may need several rooms locks them all before any other, because
        tasks of rooms lock theirs in the order of ids without the breakout's lock.
        """
        self.may_lock_rooms |= room_ids is None
        if room_ids is None:
            execute(self.tx.session, _LOCK_ROOMS, {"of": self.row.id})
        else:
            execute(self.tx.session, _LOCK_SOME_ROOMS, {"of": self.row.id, "some": list(room_ids)})

    def rooms(self) -> list[Room]:
        """Return the rooms in their order."""
        return rooms_of(self.tx.session, self.row.id)

    def seats(self) -> list[Seat]:
        """Return everybody's present seat, as the database has it now."""
        return self._seats(col(Seat.breakout_id) == self.row.id)

    def seats_of_rooms(self, room_ids: Iterable[str]) -> defaultdict[str, list[Seat]]:
        """Return the present seats of rooms, by room, as the database has them now."""
        found: defaultdict[str, list[Seat]] = defaultdict(list)
        for seat in self._seats(col(Seat.room_id).in_(list(room_ids))):
            found[seat.room_id].append(seat)
        return found

    def _seats(self, condition: ColumnElement[bool]) -> list[Seat]:
        statement = (
            select(Seat, col(Participant.custom_participant_id))
            .join(Participant, col(Participant.id) == col(Seat.participant_id))
            .where(condition, col(Seat.wanted))
        )
        rows = self.tx.session.execute(statement, execution_options={"populate_existing": True}).all()
        self._names.update((seat.participant_id, name) for seat, name in rows)
        return [seat for seat, _ in rows]

    def names(self, participant_ids: Iterable[str]) -> Mapping[str, str]:
        """Return the callers' own ids of people, by our id, and of all that were asked for before."""
        if unknown := set(participant_ids) - self._names.keys():
            columns = col(Participant.id), col(Participant.custom_participant_id)
            statement = select(*columns).where(col(Participant.id).in_(unknown))
            self._names.update(self.tx.session.execute(statement).all())
        return self._names

    def write_log(self) -> None:
        """Write the gathered events in one statement."""
        self.row.events += len(self._events)
        self.tx.session.flush()
        if self._events:
            insert_all(self.tx.session, Event, self._events)
            note_growth(self.tx, self.row)
            self._events = []
