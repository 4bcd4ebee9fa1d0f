"""RealtimeKit's webhooks: kept first, in the order they came, then applied in batches; twice makes no difference."""

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
from orchestrator.services.breakout import recordings, steps
from orchestrator.services.deps import Deps
from orchestrator.services.people import presence
from orchestrator.store import due
from orchestrator.store.database import DATABASE_TROUBLE, Transaction
from orchestrator.store.queries import lock_breakout_of
from schemas.states import BreakoutState, CloseReason
from schemas.tables import Breakout, Delivery, Inbox, Meeting, Participant, Recording, Room

log = logger(__name__)

BATCH = 200
HOST_ENDED = "HOST_ENDED_MEETING"


def deliver(deps: Deps, delivery_id: str, raw: bytes) -> None:
    """Keep one delivery whose signature was checked; one seen before, or of no use to us, changes nothing.

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
    """Our parent meeting that an event is about, directly or through one of its rooms or recordings."""
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


def apply(deps: Deps, inbox_id: str, claim: int) -> str:
    """The task of an inbox: apply the deliveries that wait, a batch at a time.

    Should one of them be more than we can take, they are applied one by one, and that one is given up: it must not hold
    up what comes after it. Trouble of the database's is not their fault.
    """
    try:
        return _apply_batch(deps, inbox_id, claim, BATCH)
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


def _give_up_first(deps: Deps, inbox_id: str, claim: int, error: Exception) -> str:
    with deps.database.transaction() as tx:
        if not due.take(tx, Inbox, inbox_id, claim):
            return "nothing to do"
        delivery = tx.session.scalars(_waiting(inbox_id).limit(1)).one()
        delivery.applied_at = tx.now()
        due.want(tx, Inbox, [inbox_id])
        return f"delivery {delivery.id} given up: {type(error).__name__}"


def _waiting(inbox_id: str) -> Select[Delivery]:
    statement = select(Delivery).where(col(Delivery.inbox_id) == inbox_id, col(Delivery.applied_at).is_(None))
    return statement.order_by(col(Delivery.received_at), col(Delivery.id))


def _apply_batch(deps: Deps, inbox_id: str, claim: int, most: int) -> str:
    with deps.database.transaction() as tx:
        breakout = lock_breakout_of(tx, inbox_id)
        if not due.take(tx, Inbox, inbox_id, claim):
            return "nothing to do"
        batch = tx.session.scalars(_waiting(inbox_id).limit(most)).all()
        if not batch:
            return "nothing to do"
        now = tx.now()
        for delivery in batch:
            delivery.applied_at = now
        tx.session.get_one(Meeting, inbox_id).webhook_at = now
        tx.session.flush()
        events = [event for one in batch if (event := parse(one.payload.encode()))]
        _apply_events(deps, tx, breakout, inbox_id, events)
        if len(batch) == most:
            due.want(tx, Inbox, [inbox_id])
        return count(len(batch), "delivery", "deliveries")


def _apply_events(
    deps: Deps, tx: Transaction, breakout: Breakout | None, meeting_id: str, events: Sequence[WebhookEvent]
) -> None:
    now = tx.now()
    meeting = tx.session.get_one(Meeting, meeting_id)
    people = [event for event in events if isinstance(event, ParticipantJoined | ParticipantLeft)]
    presence.apply(deps, tx, breakout, meeting_id, _stays(tx.session, meeting, people, now))
    for event in events:
        if isinstance(event, RecordingUpdated):
            _apply_recording(deps, tx, breakout, event)
        elif isinstance(event, MeetingEnded) and event.meeting_id == meeting.realtimekit_meeting_id:
            _apply_parent_ended(deps, tx, breakout, event)


def _stays(
    session: Session, meeting: Meeting, events: Sequence[ParticipantJoined | ParticipantLeft], now: datetime
) -> list[presence.Stay]:
    """What the events say, where they are about somebody we know; the recorder and other bots are not people."""
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


def _apply_recording(deps: Deps, tx: Transaction, breakout: Breakout | None, event: RecordingUpdated) -> None:
    """Merge into the recording; one of an earlier breakout is left to its own task, which asks."""
    statement = select(Recording).where(col(Recording.realtimekit_recording_id) == event.recording_id)
    recording = tx.session.scalar(statement)
    if recording is None or breakout is None:
        return
    if recording.breakout_id != breakout.id:
        due.want(tx, Recording, [recording.id])
        return
    fact = RecordingRecord(event.recording_id, event.status, event.started_at, event.stopped_at, event.download_url)
    recordings.merge(tx, breakout, recording, fact, tx.now())
    if breakout.state is BreakoutState.CLOSING:
        steps.look(deps, tx, breakout)


def _apply_parent_ended(deps: Deps, tx: Transaction, breakout: Breakout | None, event: MeetingEnded) -> None:
    """The host ended the parent for all: so end the rooms. A parent that is merely empty has not ended."""
    if breakout is None or breakout.state not in (BreakoutState.OPENING, BreakoutState.OPEN):
        return
    of_before = event.ended_at and breakout.starts_at and event.ended_at < breakout.starts_at
    if event.reason == HOST_ENDED and not of_before:
        steps.begin_closing(deps, tx, breakout, CloseReason.PARENT_ENDED)
