"""RealtimeKit's webhooks: stored in the order they came, then applied in batches. A repeated one changes nothing."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, select
from sqlmodel import Session, col

from orchestrator.domain.wording import count
from orchestrator.log import logger
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
from orchestrator.services.people import presence
from orchestrator.services.result import NOTHING_TO_DO, Result
from orchestrator.store import due
from orchestrator.store.engine import DATABASE_TROUBLE
from schemas.states import RUNNING, CloseReason
from schemas.tables import Breakout, Delivery, Inbox, Meeting, Participant, Recording, Room

log = logger(__name__)

BATCH_DELIVERIES = 200
HOST_ENDED = "HOST_ENDED_MEETING"


def deliver(deps: Deps, delivery_id: str, raw: bytes) -> None:
    """Store one delivery whose signature was checked. A repeated one, or one that we do not use, changes nothing.

    Raises ValueError when the body is not JSON.
    """
    event = parse(raw)
    if event is None:
        return
    with deps.database.transaction() as tx:
        inbox_id = _meeting_of(tx.session, event)
        if inbox_id is None or tx.session.get(Delivery, delivery_id) is not None:
            return
        now = tx.now()
        tx.session.add(Delivery(id=delivery_id, inbox_id=inbox_id, payload=raw.decode(), received_at=now))
        due.want(tx, Inbox, [inbox_id])


def _meeting_of(session: Session, event: WebhookEvent) -> str | None:
    """Return our parent meeting that an event is about, directly or through one of its rooms or recordings."""
    if isinstance(event, RecordingUpdated):
        through = select(col(Breakout.meeting_id)).join(Recording, col(Recording.breakout_id) == col(Breakout.id))
        return session.scalar(through.where(col(Recording.realtimekit_recording_id) == event.recording_id))
    parent = select(col(Meeting.id)).where(col(Meeting.realtimekit_meeting_id) == event.meeting_id)
    through_room = (
        select(col(Breakout.meeting_id))
        .join(Room, col(Room.breakout_id) == col(Breakout.id))
        .where(col(Room.realtimekit_meeting_id) == event.meeting_id)
    )
    return session.scalar(parent) or session.scalar(through_room)


def apply(deps: Deps, inbox_id: str, claim: int) -> Result:
    """Apply one batch of the waiting deliveries of a meeting. This is the task of an inbox.

    1. Apply a whole batch.
    2. If that fails by a fault of our own, apply the first delivery alone, so that the others get on.
    3. If that fails too, give this delivery up: it must not hold up those that come after it.

    Trouble with the database is no delivery's fault, and is raised.
    """
    try:
        return _apply_batch(deps, inbox_id, claim, BATCH_DELIVERIES)
    except DATABASE_TROUBLE:
        raise
    except Exception:
        log.exception("a batch of deliveries can't be applied", meeting=inbox_id)
    try:
        return _apply_batch(deps, inbox_id, claim, 1)
    except DATABASE_TROUBLE:
        raise
    except Exception as error:
        return _give_up_first(deps, inbox_id, claim, error)


def _give_up_first(deps: Deps, inbox_id: str, claim: int, error: Exception) -> Result:
    with deps.database.transaction() as tx:
        if not due.take(tx, Inbox, inbox_id, claim):
            return NOTHING_TO_DO
        delivery = tx.session.scalars(_waiting(inbox_id).limit(1)).one()
        delivery.applied_at = tx.now()
        due.want(tx, Inbox, [inbox_id])
        return Result(f"delivery {delivery.id} given up", type(error).__name__)


def _waiting(inbox_id: str) -> Select[Delivery]:
    statement = select(Delivery).where(col(Delivery.inbox_id) == inbox_id, col(Delivery.applied_at).is_(None))
    return statement.order_by(col(Delivery.received_at), col(Delivery.id))


def _apply_batch(deps: Deps, inbox_id: str, claim: int, most: int) -> Result:
    with locked_for_meeting(deps, inbox_id) as m:
        if not due.take(m.tx, Inbox, inbox_id, claim):
            return NOTHING_TO_DO
        batch = m.tx.session.scalars(_waiting(inbox_id).limit(most)).all()
        if not batch:
            return NOTHING_TO_DO
        for delivery in batch:
            delivery.applied_at = m.now
        m.tx.session.get_one(Meeting, inbox_id).webhook_at = m.now
        m.tx.session.flush()
        _apply_events(m, [event for one in batch if (event := parse(one.payload.encode()))])
        if len(batch) == most:
            due.want(m.tx, Inbox, [inbox_id])
        return Result(count(len(batch), "delivery", "deliveries"))


def _apply_events(m: MeetingScope, events: Sequence[WebhookEvent]) -> None:
    meeting = m.tx.session.get_one(Meeting, m.meeting_id)
    people = [event for event in events if isinstance(event, ParticipantJoined | ParticipantLeft)]
    presence.apply(m, _stays(m.tx.session, meeting, people, m.now))
    for event in events:
        if isinstance(event, RecordingUpdated):
            _apply_recording(m, event)
        elif isinstance(event, MeetingEnded) and event.meeting_id == meeting.realtimekit_meeting_id:
            _apply_parent_ended(m, event)


def _stays(
    session: Session, meeting: Meeting, events: Sequence[ParticipantJoined | ParticipantLeft], now: datetime
) -> list[presence.Stay]:
    """Return the stays of known people that the events report. The recorder and other bots are not people."""
    names = {event.custom_participant_id for event in events}
    known = select(col(Participant.custom_participant_id), col(Participant.id)).where(
        col(Participant.meeting_id) == meeting.id, col(Participant.custom_participant_id).in_(names)
    )
    ids = dict(session.execute(known).all())
    found = select(col(Room.realtimekit_meeting_id), col(Room.id)).where(
        col(Room.realtimekit_meeting_id).in_({event.meeting_id for event in events})
    )
    rooms: dict[str | None, str | None] = dict(session.execute(found).all())
    rooms[meeting.realtimekit_meeting_id] = None
    return [
        _stay(event, ids[event.custom_participant_id], rooms[event.meeting_id], now)
        for event in events
        if event.custom_participant_id in ids and event.meeting_id in rooms
    ]


def _stay(
    event: ParticipantJoined | ParticipantLeft, participant_id: str, room_id: str | None, now: datetime
) -> presence.Stay:
    left_at = (event.left_at or now) if isinstance(event, ParticipantLeft) else None
    joined_at = event.joined_at or left_at or now
    return presence.Stay(participant_id, room_id, event.peer_id, event.session_id, joined_at, left_at)


def _apply_recording(m: MeetingScope, event: RecordingUpdated) -> None:
    """Merge the event into its recording. A recording of an earlier breakout is left to its own task."""
    statement = select(Recording).where(col(Recording.realtimekit_recording_id) == event.recording_id)
    recording = m.tx.session.scalar(statement)
    if recording is None or m.breakout is None:
        return
    if recording.breakout_id != m.breakout.row.id:
        due.want(m.tx, Recording, [recording.id])
        return
    fact = RecordingRecord(event.recording_id, event.status, event.started_at, event.stopped_at, event.download_url)
    recordings.merge(m.breakout, recording, fact)


def _apply_parent_ended(m: MeetingScope, event: MeetingEnded) -> None:
    """Close the rooms when the host ended the parent for all. A parent that is merely empty has not ended."""
    if m.breakout is None or m.breakout.row.state not in RUNNING:
        return
    starts_at = m.breakout.row.starts_at
    is_older = event.ended_at and starts_at and event.ended_at < starts_at
    if event.reason == HOST_ENDED and not is_older:
        start_countdown(m.breakout, CloseReason.PARENT_ENDED)
