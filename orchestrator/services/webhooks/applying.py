"""The task of a meeting's inbox: apply what RealtimeKit and browsers have said, many facts under one lock.

The facts of a batch are settled in the transaction that applies them, and only the meeting's breakout is locked for it.
The row of the inbox is locked afterwards, for a moment, so that storing a fact never waits for a batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlmodel import Session, col

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
from orchestrator.services.breakout import recordings
from orchestrator.services.breakout.closing import start_countdown
from orchestrator.services.breakout.locked import MeetingScope, locked_for_meeting
from orchestrator.services.deps import Deps
from orchestrator.services.people import acks, departed, inbox, presence, refused, unregistered, visits
from orchestrator.services.people.acks import Refusal
from orchestrator.services.people.stays import Stay
from orchestrator.services.result import NOTHING_TO_DO, Result
from orchestrator.store import due
from orchestrator.store.database import execute
from orchestrator.store.queries import Registered, registered
from orchestrator.store.trouble import DATABASE_TROUBLE
from schemas.events import Actor
from schemas.states import BEGUN, RUNNING, BreakoutState, CloseReason, FactSource
from schemas.tables import Breakout, Fact, Inbox, Meeting, Recording, Room

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


@dataclass(frozen=True)
class _Place:
    """A room, and since when what happens in its child meeting is about it."""

    room_id: str | None
    since: datetime | None
    """None for main, and for rooms of a breakout that has not begun."""


_Places = Sequence[_Place]
Moved = ParticipantJoined | ParticipantLeft

_ANNOUNCED = select(col(Inbox.generation), col(Inbox.claim), col(Inbox.dispatches)).where(
    col(Inbox.id) == bindparam("of")
)


def apply(deps: Deps, inbox_id: str, claim: int) -> Result:
    """Apply one batch of the waiting facts of a meeting. This is the task of an inbox.

    1. Read how often facts were announced before the batch. A stale message ends here.
    2. Apply the batch.
    3. Give the row back. It is due again if facts were announced meanwhile, or if more of them wait.
    """
    with deps.database.reading() as session:
        row = execute(session, _ANNOUNCED, {"of": inbox_id}).one_or_none()
    if row is None or row.claim != claim:
        return NOTHING_TO_DO
    generation, _, sent = row
    about(attempt=max(1, sent))
    applied = _apply_or_give_up(deps, inbox_id)
    with deps.database.transaction() as tx:
        taken = due.take(tx, Inbox, inbox_id, claim)
        if taken is not None and (taken.generation != generation or not applied.is_last):
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
    if any(fact.source is FactSource.WEBHOOK for fact in facts):
        meeting.webhook_at = m.now
    refused.renew(m, [it for it in said if isinstance(it, Refusal)])
    presence.apply(m, _stays(m, meeting, said))
    for it in said:
        if isinstance(it, RecordingUpdated):
            _apply_recording(m, it)
        elif isinstance(it, MeetingEnded) and it.meeting_id == meeting.realtimekit_meeting_id:
            unregistered.forget_until(m, it.ended_at or m.now)
            _apply_parent_ended(m, it)


def _read(fact: Fact) -> Said:
    return acks.read(fact) if fact.source is FactSource.ACK else parse(fact.payload.encode())


def _stays(m: MeetingScope, meeting: Meeting, said: Sequence[Said]) -> list[Stay]:
    """Return the stays of known people that are reported. Who is unknown in the main meeting is looked for."""
    events = [it for it in said if isinstance(it, ParticipantJoined | ParticipantLeft)]
    people = registered(m.tx.session, meeting.id, {event.custom_participant_id for event in events})
    places = _places(m.tx.session, meeting, {event.meeting_id for event in events})
    late = _of_time_before(m, events, people, places)
    others = [event for event in events if event.custom_participant_id not in people]
    gone = departed.known(m.tx.session, meeting.id, {event.custom_participant_id for event in [*others, *late]})
    before = [event for event in late if event.custom_participant_id in gone]
    _remove_again(m, [event for event in others if isinstance(event, ParticipantJoined)], gone)
    _keep_ends(m, [event for event in [*others, *before] if isinstance(event, ParticipantLeft)], places, gone)
    in_main = [event for event in others if event.meeting_id == meeting.realtimekit_meeting_id]
    unregistered.note_events(m, [event for event in in_main if event.custom_participant_id not in gone])
    stays = []
    for it in said:
        if isinstance(it, Stay):
            stays.append(it)
        elif not isinstance(it, ParticipantJoined | ParticipantLeft) or it in before:
            continue
        elif it.custom_participant_id in people and it.meeting_id in places:
            stays.append(_stay(it, people[it.custom_participant_id].id, places[it.meeting_id], m.now))
    return stays


def _of_time_before(
    m: MeetingScope, events: Sequence[Moved], people: Mapping[str, Registered], places: Mapping[str | None, _Places]
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
    left: Sequence[ParticipantLeft],
    places: Mapping[str | None, _Places],
    gone: Mapping[str, str],
) -> None:
    """Keep for attendance when people have left a room who have left for good. It changes nothing else."""
    stays = [
        _stay(it, gone[it.custom_participant_id], places[it.meeting_id], m.now)
        for it in left
        if it.custom_participant_id in gone and it.meeting_id in places
    ]
    visits.keep(m.tx, stays)


def _remove_again(m: MeetingScope, joined: Sequence[ParticipantJoined], gone: Mapping[str, str]) -> None:
    """Have people removed once more who have left for good and come back. Late news of them does no harm."""
    back = [event for event in joined if event.custom_participant_id in gone]
    for place in sorted({event.meeting_id for event in back}):
        there = {event.custom_participant_id for event in back if event.meeting_id == place}
        departed.want_removed(m, {gone[name]: name for name in there}, [place])


def _places(session: Session, meeting: Meeting, realtimekit_ids: set[str]) -> dict[str | None, list[_Place]]:
    """Return our rooms by RealtimeKit's meeting id, those of later rounds first; None stands for the parent meeting."""
    found: dict[str | None, list[_Place]] = {meeting.realtimekit_meeting_id: [_Place(None, None)]}
    statement = (
        select(col(Room.realtimekit_meeting_id), col(Room.id), col(Breakout.starts_at), col(Breakout.state))
        .join(Breakout, col(Breakout.id) == col(Room.breakout_id))
        .where(col(Room.realtimekit_meeting_id).in_(realtimekit_ids), col(Breakout.names_kept))
        .order_by(col(Breakout.round).desc())
    )
    for meeting_id, room_id, starts_at, state in session.execute(statement):
        found.setdefault(meeting_id, []).append(_Place(room_id, starts_at if state in BEGUN else None))
    return found


def _place_at(places: Sequence[_Place], at: datetime) -> str | None:
    """Return the room of the round that ran then, because the rounds of a series share their child meetings.

    What happened before the first of them began, by RealtimeKit's clock, is about the first.
    """
    begun = [(place.since, place) for place in places if place.since is not None]
    running = (place for since, place in begun if since <= at)
    first = begun[-1][1] if begun else places[-1]
    return next(running, first).room_id


def _stay(
    event: ParticipantJoined | ParticipantLeft, participant_id: str, places: Sequence[_Place], now: datetime
) -> Stay:
    left_at = (event.left_at or now) if isinstance(event, ParticipantLeft) else None
    joined_at = event.joined_at or left_at or now
    room_id = _place_at(places, joined_at)
    return Stay(participant_id, room_id, event.peer_id, event.session_id, joined_at, left_at)


def _apply_recording(m: MeetingScope, event: RecordingUpdated) -> None:
    """Merge the event into its recording. A recording of an earlier breakout is left to its own task."""
    statement = select(Recording).where(col(Recording.realtimekit_recording_id) == event.recording_id)
    recording = m.tx.session.scalar(statement)
    if recording is None or m.breakout is None:
        return
    if recording.breakout_id != m.breakout.row.id:
        due.want(m.tx, Recording, [recording.id])
        return
    fact = RecordingRecord(
        id=event.recording_id,
        status=event.status,
        started_at=event.started_at,
        stopped_at=event.stopped_at,
        download_url=event.download_url,
        download_expires_at=event.download_expires_at,
        file_name=event.file_name,
    )
    with m.breakout.acting(Actor.REALTIMEKIT):
        recordings.merge(m.breakout, recording, fact)


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
