"""Recording what passes over opening rooms have reached, for several rooms of one breakout together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.domain.tokens import again_at
from orchestrator.domain.wording import count
from orchestrator.errors import RealtimeKitError, Refused, TryAgain
from orchestrator.realtimekit.records import RecordingRecord
from orchestrator.services.breakout import recordings
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.invitations import invite
from orchestrator.services.breakout.leaving import (
    ask_overstayers_to_leave,
    end_putting_out,
    forget_deadlines,
    watch_for_leavers,
)
from orchestrator.services.breakout.locked import locked
from orchestrator.services.breakout.tokens import watch_for_tokens
from orchestrator.services.deps import Deps
from orchestrator.services.passes.admission import Guest, Outcome, first_to_retry, stays_in_doubt, without_names
from orchestrator.services.passes.keeping import Kept, as_sent
from orchestrator.services.result import Result
from orchestrator.services.rooms.making import Made
from orchestrator.services.rooms.patience import Failed, retry_or_give_up
from orchestrator.services.rooms.polling import PollOutcome, record_polls
from orchestrator.services.rooms.putting_out import NOBODY, PutOut
from orchestrator.services.rooms.steering import Steered, record_steered
from orchestrator.services.rooms.work import RoomWork
from orchestrator.store import due
from orchestrator.store.queries import occupied_rooms
from schemas.events import ProblemKind
from schemas.states import HOLDS_TOKEN, POINTS_TO_ROOM, SeatState
from schemas.tables import Recording, Room, Seat

RECORDING_TRIES = 4
"""The tries of a refused recording. RealtimeKit may refuse one for a moment although somebody is in the room."""


@dataclass(frozen=True)
class RoomOutcomes:
    """The results of the calls of one pass, before they are recorded."""

    admissions: dict[str, Outcome]
    """By seat."""
    waited_for: list[Outcome]
    """Those of people who have no good token."""
    recording: RecordingRecord | RealtimeKitError | None
    rename: RealtimeKitError | None
    steered: Mapping[str, Steered]
    """By recording that an operator has stopped, paused or resumed."""
    kick: PutOut = NOBODY
    polls: Mapping[str, PollOutcome] = field(default_factory=dict)
    """By poll."""
    is_suspect: bool = False
    """Whether the meeting seems to be gone, so that nothing was recorded of what RealtimeKit has answered."""

    @property
    def error(self) -> RealtimeKitError | None:
        """The first failure that is worth another try."""
        if self.is_suspect:
            return TryAgain("RealtimeKit knows nothing of the meeting, or of a person: it is checked")
        return first_to_retry([*self.waited_for, *self.others])

    @property
    def others(self) -> list[object]:
        """What came of calls that are not for people's tokens."""
        unsent = (it for it in self.polls.values() if isinstance(it, TryAgain))
        return [self.recording, *self.steered.values(), *unsent, self.kick.error, self.rename]


@dataclass(frozen=True)
class Reached:
    """A pass whose calls are made, and which has yet to be recorded."""

    claim: due.Claim
    work: RoomWork
    made: Made | None
    """The room's child meeting, unless it was recorded before."""
    outcomes: RoomOutcomes
    kept: dict[str, Kept] = field(repr=False)
    """The records and tokens that RealtimeKit gave, by seat."""

    @property
    def fails_by_tokens(self) -> bool:
        """Whether nothing else failed than to renew tokens."""
        return not self.outcomes.is_suspect and first_to_retry(self.outcomes.others) is None


def record_all(deps: Deps, breakout_id: str, batch: list[Reached]) -> list[Result | None]:
    """Record passes over rooms of one breakout. None stands for a room whose claim is lost.

    1. Take the rooms whose claims are still good.
    2. Record who was put out, because nobody is invited while that is under way.
    3. Record what each pass has reached.
    4. Invite the people of rooms that wait for nobody. Their seats are written with what was recorded of them.
    5. Give the rooms back.
    """
    with locked(deps, breakout_id) as b:
        rooms = due.record_all(
            b.tx, [one.claim for one in batch], [one.work.room_id for one in batch if one.made or one.kept]
        )
        seats = b.seats_of_rooms(rooms)
        mine = [one for one in batch if one.work.room_id in rooms]
        _record_departures(b, mine, seats)
        lines = {one.work.room_id: _record_one(b, rooms[one.work.room_id], seats, one) for one in mine}
        invite(b, [(room, seats[room.id]) for room in rooms.values()])
        tried_again = _release(b, rooms, mine)
        since = min((one.work.now for one in mine), default=b.now)
        watch_for_leavers(b.tx, rooms, since)
        watch_for_tokens(b.tx, rooms.keys() - tried_again.keys(), since)
        return [
            _result(rooms[one.work.room_id], lines[one.work.room_id], tried_again.get(one.work.room_id))
            if one.work.room_id in rooms
            else None
            for one in batch
        ]


def _record_departures(b: LockedBreakout, mine: Sequence[Reached], seats: Mapping[str, Sequence[Seat]]) -> None:
    """Clear the deadlines of people who were put out or had gone.

    Somebody who has come back while the calls were made has a new deadline.
    """
    leaving = [one for one in mine if one.work.leavers]
    marked = {seat.room_id for of_room in seats.values() for seat in of_room if seat.being_put_out}
    if rooms := {one.work.room_id for one in leaving} | marked:
        end_putting_out(b.tx, rooms)
    for one in leaving:
        if first_to_retry([one.outcomes.kick.error]) is None:
            forget_deadlines(b.tx, [leaver.seat_id for leaver in one.work.leavers], one.work.now)
    put_out = {leaver.seat_id for one in leaving for leaver in one.outcomes.kick.leavers}
    gone = [it.participant_id for one in leaving for it in one.work.leavers if it.seat_id not in put_out]
    if gone:
        ask_overstayers_to_leave(b, gone)


def _result(room: Room, lines: list[Result], tried_again: Result | None) -> Result:
    results = [*lines, *([tried_again] if tried_again else [])]
    quoted = "; ".join(line.quoted for line in results if line.quoted)
    return Result(", ".join(line.words for line in results) or str(room.state), quoted)


def _record_one(b: LockedBreakout, room: Room, seats: dict[str, list[Seat]], one: Reached) -> list[Result]:
    if one.made is not None:
        room.realtimekit_meeting_id, room.name_at_realtimekit = one.made.meeting_id, one.made.name
        room.in_doubt_since = None
    record_polls(b, room, one.outcomes.polls)
    room.to_check |= one.outcomes.is_suspect
    if one.outcomes.is_suspect:
        return []
    lines = _record_admissions(b, seats[room.id], one) if one.outcomes.admissions else []
    if one.work.recording_to_start and one.outcomes.recording:
        lines.append(_record_recording(b, room, one))
    lines += record_steered(b, room, one.work, one.outcomes.steered)
    if one.work.is_misnamed and not first_to_retry([one.outcomes.rename]):
        room.name_at_realtimekit = one.work.name
    for refused in (it for it in (one.outcomes.kick.error, one.outcomes.rename) if isinstance(it, Refused)):
        b.report(ProblemKind.REALTIMEKIT_REFUSED, refused.message, room_id=room.id)
    return lines


def _release(b: LockedBreakout, rooms: dict[str, Room], mine: list[Reached]) -> dict[str, Result]:
    """Give the rooms back. Returns a result for each that has not reached everything."""
    errors = [(one, _to_retry(rooms[one.work.room_id], one)) for one in mine]
    due.release_all(b.tx, [one.claim for one, error in errors if error is None])
    return {
        one.work.room_id: retry_or_give_up(b, _failed(rooms[one.work.room_id], one, error))
        for one, error in errors
        if error is not None
    }


def _failed(room: Room, one: Reached, error: RealtimeKitError) -> Failed:
    words = without_names(error.message, one.work.guests)
    return Failed(room, one.claim, error, words, by_tokens=one.fails_by_tokens)


def _to_retry(room: Room, one: Reached) -> RealtimeKitError | None:
    """Return the error for which the room needs another pass. For a refused recording it gets only a few."""
    refused = one.outcomes.recording
    if isinstance(refused, Refused) and one.work.occupied and room.tries < RECORDING_TRIES:
        return one.outcomes.error or refused
    return one.outcomes.error


def _record_admissions(b: LockedBreakout, seats: list[Seat], one: Reached) -> list[Result]:
    guests = {guest.row_id: guest for guest in one.work.guests}
    asked = [seat for seat in seats if seat.id in one.outcomes.admissions]
    for seat in asked:
        _record_one_seat(b, seat, guests[seat.id], one)
    mine = [seat for seat in asked if seat.id in one.kept]
    admitted = [seat for seat in mine if seat.state is SeatState.ASSIGNED]
    renewed = [seat for seat in mine if seat.state is not SeatState.ASSIGNED]
    refused = [seat for seat in asked if isinstance(one.outcomes.admissions[seat.id], Refused)]
    b.move_seats(admitted, SeatState.ADMITTED)
    if shown := [seat.participant_id for seat in renewed if seat.state in POINTS_TO_ROOM]:
        b.people.raise_versions(shown)
    _report_refused(b, refused, one)
    lines = [Result(f"{len(admitted)} admitted")] if admitted or not renewed else []
    lines += [Result(f"{count(len(renewed), 'token')} renewed")] if renewed else []
    if refused:
        words = _words(one.outcomes.admissions[refused[0].id])
        lines.append(Result(f"{len(refused)} refused", without_names(words, one.work.guests)))
    return lines


def _record_one_seat(b: LockedBreakout, seat: Seat, guest: Guest, one: Reached) -> None:
    """Keep a record and its token. A renewal that failed is tried again in time, and so is one that was refused.

    Where there is no good token any more, the room's next try comes sooner.
    """
    outcome = one.outcomes.admissions[seat.id]
    seat.in_doubt = stays_in_doubt(outcome, before=guest.in_doubt)
    values: dict[str, Any] = {}
    if seat.id in one.kept:
        values = one.kept[seat.id].columns(b.now) | {"error": None}
    elif guest.has_token or (seat.state in HOLDS_TOKEN and isinstance(outcome, Refused)):
        values = {"token_renew_at": again_at(b.now, seat.token_good_until)}
    elif isinstance(outcome, Refused):
        values = {"error": outcome.message}
    if isinstance(outcome, Refused):
        values |= as_sent(guest)
    for column, value in values.items():
        setattr(seat, column, value)


def _words(outcome: Outcome) -> str:
    return outcome.message if isinstance(outcome, RealtimeKitError) else ""


def _report_refused(b: LockedBreakout, seats: list[Seat], one: Reached) -> None:
    """Report who was refused. A renewal that is refused each time is reported once."""
    if not seats:
        return
    names = b.names(seat.participant_id for seat in seats)
    told = b.reported(ProblemKind.PARTICIPANT_REFUSED) if any(seat.state in HOLDS_TOKEN for seat in seats) else []
    known = {(data["room_id"], data["custom_participant_id"], data["detail"]) for data in told}
    for seat in seats:
        name, detail = names[seat.participant_id], _words(one.outcomes.admissions[seat.id])
        if seat.state not in HOLDS_TOKEN or (seat.room_id, name, detail) not in known:
            b.report(ProblemKind.PARTICIPANT_REFUSED, detail, room_id=seat.room_id, custom_participant_id=name)


def _record_recording(b: LockedBreakout, room: Room, one: Reached) -> Result:
    wanted, result = one.work.recording_to_start, one.outcomes.recording
    assert wanted is not None
    assert result is not None
    recording = b.tx.session.get_one(Recording, wanted.id, populate_existing=True)
    if isinstance(result, RecordingRecord):
        recordings.note_started(b, recording, result)
        return Result("recording started")
    recording.in_doubt = wanted.in_doubt or not isinstance(result, TryAgain | Refused)
    recordings.note_not_started(b, recording, result.message)
    if isinstance(result, Refused) and room.tries >= RECORDING_TRIES and occupied_rooms(b.tx.session, [room.id]):
        recordings.refuse(b, recording, result.message)
    return Result("not recorded", result.message)
