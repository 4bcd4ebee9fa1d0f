"""The task of a meeting's inbox: apply what RealtimeKit and browsers have said, many facts under one lock.

The facts of a batch are settled in the transaction that applies them, and only the meeting's breakout is locked for it.
The row of the inbox is locked afterwards, for a moment, so that storing a fact never waits for a batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlmodel import col

from orchestrator.domain.wording import count
from orchestrator.log import about, logger
from orchestrator.realtimekit.records import RecordingRecord
from orchestrator.realtimekit.webhooks import (
    MeetingEnded,
    ParticipantJoined,
    ParticipantLeft,
    RecordingUpdated,
    WebhookEvent,
    parse,
)
from orchestrator.services.breakout import hosts_recordings, recordings
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.closing import start_countdown
from orchestrator.services.breakout.locked import MeetingScope, locked_for_meeting
from orchestrator.services.deps import Deps
from orchestrator.services.people import acks, departed, inbox, presence, refused, unregistered, visits
from orchestrator.services.people.acks import Refusal
from orchestrator.services.people.placing import Places, Placing, places_of, room_at
from orchestrator.services.people.stays import Stay
from orchestrator.services.result import NOTHING_TO_DO, Result
from orchestrator.store import due
from orchestrator.store.database import execute
from orchestrator.store.queries import Registered, registered
from orchestrator.store.trouble import DATABASE_TROUBLE
from schemas.events import Actor
from schemas.states import RUNNING, BreakoutState, CloseReason, FactSource
from schemas.tables import Fact, Inbox, Meeting, Recording, Room

log = logger(__name__)

BATCHES = (500, 50, 5, 1)
"""How many facts are applied together, and how many after a fault of our own, so that one bad fact delays few."""
HOST_ENDED = "HOST_ENDED_MEETING"

Said = Stay | Refusal | WebhookEvent | None
"""What a fact says; None for a webhook that is of no use."""


@dataclass(frozen=True)
class _Applied:
    """What one batch has reached."""

    result: Result
    is_last: bool = True
    """Whether no other fact waited when the batch began."""


Moved = ParticipantJoined | ParticipantLeft
Heard = Mapping[WebhookEvent, datetime]
"""When we first heard of each event."""

_ANNOUNCED = select(col(Inbox.generation), col(Inbox.claim), col(Inbox.dispatches)).where(
    col(Inbox.id) == bindparam("of")
)


def apply(deps: Deps, inbox_id: str, claim: int) -> Result:
    """Apply one batch of the waiting facts of a meeting. This is the task of an inbox.

    1. Read how often facts were announced before the batch. A stale message ends here.
    2. Apply the batch.
    3. Give the row back. It is sent again at once if more facts waited than a batch holds. Those that were announced
       meanwhile are applied together after the inbox's rest.
    """
    with deps.database.glancing() as session:
        row = execute(session, _ANNOUNCED, {"of": inbox_id}).one_or_none()
    if row is None or row.claim != claim:
        return NOTHING_TO_DO
    generation, _, sent = row
    about(attempt=max(1, sent))
    applied = _apply_or_give_up(deps, inbox_id)
    with deps.database.transaction() as tx:
        taken = due.take(tx, Inbox, inbox_id, claim)
        if taken is not None and not applied.is_last:
            due.dispatch(tx, Inbox, [inbox_id])
        elif taken is not None and taken.row.generation != generation:
            due.want(tx, Inbox, [inbox_id])
    return applied.result


def _apply_or_give_up(deps: Deps, inbox_id: str) -> _Applied:
    """Apply a batch.

    1. Apply a whole batch.
    2. If that fails by a fault of our own, apply fewer and fewer of its first facts, so that the others get on.
    3. If the first fact alone fails too, give it up: it must not hold up those that come after it.

    Trouble with the database is no fact's fault, and is raised.
    """
    tried: list[str] = []
    for most in BATCHES:
        try:
            return _apply_batch(deps, inbox_id, most, tried)
        except DATABASE_TROUBLE:
            raise
        except Exception as error:
            log.exception("a batch of facts can't be applied", meeting=inbox_id, facts=len(tried))
            reason = type(error).__name__
    return _give_up(deps, tried, reason)


def _give_up(deps: Deps, fact_ids: Sequence[str], reason: str) -> _Applied:
    """Settle exactly these facts: older ones may have been committed since they were tried."""
    with deps.database.transaction() as tx:
        given_up = tx.session.scalars(select(Fact).where(col(Fact.id).in_(fact_ids))).all()
        inbox.settle(tx, given_up, tx.now())
    return _Applied(Result(f"fact {', '.join(fact_ids)} given up", reason), is_last=False)


def _apply_batch(deps: Deps, inbox_id: str, most: int, tried: list[str]) -> _Applied:
    """Apply the first facts, at most `most`. Leaves their ids in `tried`."""
    with locked_for_meeting(deps, inbox_id) as m:
        facts = inbox.take(m.tx, inbox_id, most)
        tried[:] = [fact.id for fact in facts]
        if not facts:
            return _Applied(NOTHING_TO_DO)
        inbox.settle(m.tx, facts, m.now)
        _apply_facts(m, facts)
        return _Applied(Result(count(len(facts), "fact")), is_last=len(facts) < most)


def _apply_facts(m: MeetingScope, facts: Sequence[Fact]) -> None:
    meeting = m.tx.session.get_one(Meeting, m.meeting_id)
    said = [_read(fact) for fact in facts]
    heard = _heard(facts, said)
    if any(fact.source is FactSource.WEBHOOK for fact in facts):
        meeting.webhook_at = m.now
    of_recordings = [it for it in said if isinstance(it, RecordingUpdated)]
    known = _known_recordings(m, of_recordings)
    moved = [it for it in said if isinstance(it, ParticipantJoined | ParticipantLeft)]
    places = places_of(m.tx.session, meeting, {event.meeting_id for event in [*moved, *of_recordings]})
    _lock_rooms_of_hosts(m, [it for it in of_recordings if _may_be_hosts(known.get(it.recording_id))], places)
    refused.renew(m, [it for it in said if isinstance(it, Refusal)])
    presence.apply(m, _stays(m, meeting, said, places, heard))
    for it in said:
        if isinstance(it, RecordingUpdated):
            _apply_recording(m, it, known, places, heard)
        elif isinstance(it, MeetingEnded) and it.meeting_id == meeting.realtimekit_meeting_id:
            unregistered.forget_until(m, it.ended_at or m.now)
            _apply_parent_ended(m, it)


def _read(fact: Fact) -> Said:
    return acks.read(fact) if fact.source is FactSource.ACK else parse(fact.payload.encode())


def _heard(facts: Sequence[Fact], said: Sequence[Said]) -> Heard:
    first: dict[WebhookEvent, datetime] = {}
    for fact, it in zip(facts, said, strict=True):
        if it is not None and not isinstance(it, Stay | Refusal):
            first.setdefault(it, fact.received_at)
    return first


def _stays(m: MeetingScope, meeting: Meeting, said: Sequence[Said], places: Places, heard: Heard) -> list[Stay]:
    """Return the stays of known people that are reported. Who is unknown in the main meeting is looked for."""
    events = [it for it in said if isinstance(it, ParticipantJoined | ParticipantLeft)]
    people = registered(m.tx.session, meeting.id, {event.custom_participant_id for event in events})
    late = _of_time_before(m, events, people, places)
    others = [event for event in events if event.custom_participant_id not in people]
    gone = departed.known(m.tx.session, meeting.id, {event.custom_participant_id for event in [*others, *late]})
    before = [event for event in late if event.custom_participant_id in gone]
    _remove_again(m, [event for event in others if isinstance(event, ParticipantJoined)], gone)
    placed = Placing(m.tx.session, places, {*(person.id for person in people.values()), *gone.values()})
    _keep_ends(m, [*others, *before], gone, placed, heard)
    in_main = [event for event in others if event.meeting_id == meeting.realtimekit_meeting_id]
    unregistered.note_events(m, [event for event in in_main if event.custom_participant_id not in gone])
    stays = []
    for it in said:
        if isinstance(it, Stay):
            stays.append(it)
        elif not isinstance(it, ParticipantJoined | ParticipantLeft) or it in before:
            continue
        elif it.custom_participant_id in people and placed.has(it.meeting_id):
            stays.append(_stay(it, people[it.custom_participant_id].id, placed, heard))
    return stays


def _of_time_before(
    m: MeetingScope, events: Sequence[Moved], people: Mapping[str, Registered], places: Places
) -> list[Moved]:
    """Return late news of rooms: of who left for good and was registered anew since, it is about who they were before.

    An arrival is that only if its end is known. Else the same device may still be there.
    """
    of_rooms = [event for event in events if any(place.room_id for place in places.get(event.meeting_id, ()))]
    old = [event for event in of_rooms if _is_older(event, people.get(event.custom_participant_id))]
    left = {event.peer_id for event in old if isinstance(event, ParticipantLeft)}
    came = {event.peer_id for event in old} - left
    rooms = {place.room_id for event in old for place in places[event.meeting_id] if place.room_id}
    ended = left | visits.ended(m.tx, rooms, came)
    return [event for event in old if event.peer_id in ended]


def _is_older(event: Moved, person: Registered | None) -> bool:
    """Return whether something happened before its person was registered."""
    at = event.left_at if isinstance(event, ParticipantLeft) else event.joined_at
    return person is not None and at is not None and at < person.since


def _keep_ends(
    m: MeetingScope,
    events: Sequence[Moved],
    gone: Mapping[str, str],
    placed: Placing,
    heard: Heard,
) -> None:
    """Keep for attendance when people have left a room who have left for good. It changes nothing else."""
    left = [it for it in events if isinstance(it, ParticipantLeft) and it.custom_participant_id in gone]
    visits.keep(
        m.tx, [_stay(it, gone[it.custom_participant_id], placed, heard) for it in left if placed.has(it.meeting_id)]
    )


def _remove_again(m: MeetingScope, joined: Sequence[ParticipantJoined], gone: Mapping[str, str]) -> None:
    """Have people removed once more who have left for good and come back. Late news of them does no harm."""
    back = [event for event in joined if event.custom_participant_id in gone]
    for place in sorted({event.meeting_id for event in back}):
        there = {event.custom_participant_id for event in back if event.meeting_id == place}
        departed.want_removed(m, {gone[name]: name for name in there}, [place])


def _stay(event: Moved, participant_id: str, placed: Placing, heard: Heard) -> Stay:
    left_at = (event.left_at or heard[event]) if isinstance(event, ParticipantLeft) else None
    joined_at = event.joined_at or left_at or heard[event]
    stay = Stay(participant_id, None, event.peer_id, event.session_id, joined_at, left_at)
    return placed.in_its_room(stay, event.meeting_id, heard[event])


def _known_recordings(m: MeetingScope, events: Sequence[RecordingUpdated]) -> dict[str | None, Recording]:
    """Return the recordings that news is about, by RealtimeKit's id."""
    if not events:
        return {}
    its_ids = [event.recording_id for event in events]
    found = m.tx.session.scalars(select(Recording).where(col(Recording.realtimekit_recording_id).in_(its_ids)))
    return {recording.realtimekit_recording_id: recording for recording in found}


def _may_be_hosts(recording: Recording | None) -> bool:
    return recording is None or recording.by_host


def _lock_rooms_of_hosts(m: MeetingScope, of_hosts: Sequence[RecordingUpdated], places: Places) -> None:
    """Lock the rooms of recordings that hosts may have started, before any other: rooms are locked in one order."""
    rooms = {place.room_id for event in of_hosts for place in places.get(event.meeting_id, ()) if place.room_id}
    if m.breakout is not None and rooms:
        m.breakout.lock_rooms(rooms)


def _apply_recording(
    m: MeetingScope,
    event: RecordingUpdated,
    known: dict[str | None, Recording],
    places: Places,
    heard: Heard,
) -> None:
    """Merge the event into its recording, or take over one that somebody else has started in a room.

    A recording of an earlier breakout is left to its own task.
    """
    if m.breakout is None:
        return
    recording = known.get(event.recording_id)
    if recording is None:
        there = places.get(event.meeting_id)
        room_id = room_at(there, event.started_at or heard[event], heard[event]) if there else None
        if adopted := _adopt(m.breakout, room_id, _record(event)):
            known[event.recording_id] = adopted
    elif recording.breakout_id != m.breakout.row.id:
        due.want(m.tx, Recording, [recording.id])
    else:
        with m.breakout.acting(Actor.REALTIMEKIT):
            recordings.hear(m.breakout, recording, _record(event))


def _adopt(b: LockedBreakout, room_id: str | None, record: RecordingRecord) -> Recording | None:
    """Take over a recording in a room of this breakout. One in main is not ours, and those of earlier ones are over."""
    if room_id is None or b.tx.session.get_one(Room, room_id).breakout_id != b.row.id:
        return None
    return hosts_recordings.adopt(b, room_id, record)


def _record(event: RecordingUpdated) -> RecordingRecord:
    return RecordingRecord(
        id=event.recording_id,
        status=event.status,
        started_at=event.started_at,
        stopped_at=event.stopped_at,
        download_url=event.download_url,
        download_expires_at=event.download_expires_at,
        file_name=event.file_name,
    )


def _apply_parent_ended(m: MeetingScope, event: MeetingEnded) -> None:
    """Close the rooms when the host ended the parent for all. A parent that is merely empty has not ended.

    A countdown that runs already goes on, and nobody can call it off any more.
    """
    if m.breakout is None or event.reason != HOST_ENDED:
        return
    row = m.breakout.row
    if event.ended_at and row.starts_at and event.ended_at < row.starts_at:
        return
    if row.state in RUNNING:
        with m.breakout.acting(Actor.REALTIMEKIT):
            start_countdown(m.breakout, CloseReason.PARENT_ENDED)
    elif row.state is BreakoutState.CLOSING and row.close_reason is not CloseReason.ABORTED:
        row.close_reason = CloseReason.PARENT_ENDED
