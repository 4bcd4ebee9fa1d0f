"""RealtimeKit's webhooks as they come in: stored without a lock, applied by a task. A repetition changes nothing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlmodel import Session, col

from orchestrator.realtimekit.webhooks import RecordingUpdated, WebhookEvent, parse
from orchestrator.services.deps import Deps
from orchestrator.services.people import inbox
from orchestrator.services.people.inbox import Said
from orchestrator.store.database import execute
from schemas.states import FactSource
from schemas.tables import Breakout, Meeting, Recording, Room


@dataclass(frozen=True)
class Delivery:
    """One webhook whose signature was checked."""

    id: str
    """The `rtk-uuid`."""
    body: bytes
    """JSON that every database accepts."""


@inbox.looking_again
def store_all(deps: Deps, deliveries: Sequence[Delivery]) -> list[None]:
    """Store deliveries with as many statements as for one. Repetitions, and those of no use to us, are passed over."""
    events = {delivery.id: (delivery, event) for delivery in deliveries if (event := parse(delivery.body))}
    if not events:
        return [None for _ in deliveries]
    with deps.database.transaction() as tx:
        meetings = _Meetings(tx.session, [event for _, event in events.values()])
        said = [
            Said(delivery.id, meeting_id, delivery.body.decode())
            for delivery, event in events.values()
            if (meeting_id := meetings.of(event))
        ]
        inbox.append(tx, FactSource.WEBHOOK, said)
    return [None for _ in deliveries]


class _Meetings:
    """Our parent meetings that events are about, directly or through one of their rooms or recordings."""

    def __init__(self, session: Session, events: Sequence[WebhookEvent]) -> None:
        recordings = {event.recording_id for event in events if isinstance(event, RecordingUpdated)}
        self._by_recording = _of_recordings(session, recordings) if recordings else {}
        meetings = {event.meeting_id for event in events if self._through_recording(event) is None}
        self._by_meeting = _of_meetings(session, meetings) if meetings else {}

    def of(self, event: WebhookEvent) -> str | None:
        """Return our id of the parent meeting; None for a meeting or recording of somebody else."""
        return self._through_recording(event) or self._by_meeting.get(event.meeting_id)

    def _through_recording(self, event: WebhookEvent) -> str | None:
        return self._by_recording.get(event.recording_id) if isinstance(event, RecordingUpdated) else None


def _of_recordings(session: Session, realtimekit_ids: Collection[str]) -> dict[str | None, str]:
    columns = col(Recording.realtimekit_recording_id), col(Breakout.meeting_id)
    statement = select(*columns).join(Breakout, col(Breakout.id) == col(Recording.breakout_id))
    return dict(session.execute(statement.where(columns[0].in_(realtimekit_ids))).all())


_THROUGH_ROOMS = (
    select(col(Room.realtimekit_meeting_id), col(Breakout.meeting_id))
    .join(Breakout, col(Breakout.id) == col(Room.breakout_id))
    .where(col(Room.realtimekit_meeting_id).in_(bindparam("some")))
)
_PARENTS = select(col(Meeting.realtimekit_meeting_id), col(Meeting.id)).where(
    col(Meeting.realtimekit_meeting_id).in_(bindparam("some"))
)


def _of_meetings(session: Session, realtimekit_ids: Collection[str | None]) -> dict[str | None, str]:
    """Return our meeting by RealtimeKit's id of it, or of the child meeting of one of its rooms."""
    some = {"some": list(realtimekit_ids)}
    through_rooms = execute(session, _THROUGH_ROOMS, some).all()
    direct = execute(session, _PARENTS, some).all()
    return {**dict(through_rooms), **dict(direct)}
