"""Whether what a path names is there."""

from collections.abc import Mapping

from sqlmodel import Session

from orchestrator.errors import Unknown
from orchestrator.services.people import departed
from orchestrator.services.reach import Reach
from orchestrator.services.views import endpoints
from orchestrator.store import queries
from schemas.problems import ProblemCode
from schemas.tables import Breakout, HelpRequest, Meeting, Room


def require(session: Session, path: Mapping[str, str]) -> None:
    """Raise Unknown for the first id of a path that is not there."""
    _require_endpoint(session, path.get("endpoint_id"), path.get("delivery_id"))
    meeting_id = path.get("meeting_id")
    if meeting_id is not None:
        queries.meeting(session, meeting_id)
    if (breakout_id := path.get("breakout_id")) is not None:
        breakout = session.get(Breakout, breakout_id)
        if breakout is None:
            raise Unknown(f"there is no breakout {breakout_id}", ProblemCode.UNKNOWN_BREAKOUT)
        meeting_id = breakout.meeting_id
        _require_room(session, breakout_id, path.get("room_id"))
        _require_request(session, breakout_id, path.get("help_id"))
    if meeting_id is not None and (name := path.get("custom_participant_id")) is not None:
        _require_person(session, meeting_id, name)


def _require_person(session: Session, meeting_id: str, name: str) -> None:
    """Raise Unknown for who was never known. Who has left for good may still be erased."""
    if not departed.known(session, meeting_id, [name]):
        queries.participant(session, meeting_id, name)


def _require_endpoint(session: Session, endpoint_id: str | None, delivery_id: str | None) -> None:
    if endpoint_id is not None:
        endpoints.row(session, endpoint_id)
        if delivery_id is not None:
            endpoints.delivery(session, endpoint_id, delivery_id)


def _require_room(session: Session, breakout_id: str, room_id: str | None) -> None:
    room = session.get(Room, room_id) if room_id is not None else None
    if room_id is not None and (room is None or room.breakout_id != breakout_id or room.dropped):
        raise Unknown(f"this breakout has no room {room_id}", ProblemCode.UNKNOWN_ROOM)


def _require_request(session: Session, breakout_id: str, help_id: str | None) -> None:
    found = session.get(HelpRequest, help_id) if help_id is not None else None
    if help_id is not None and (found is None or found.breakout_id != breakout_id):
        raise Unknown(f"this breakout has no request for help {help_id}")


def require_within(session: Session, path: Mapping[str, str], reach: Reach) -> None:
    """Raise Unknown when a path names a meeting, breakout or endpoint that does not exist for the caller."""
    meeting_id = path.get("meeting_id")
    if (endpoint_id := path.get("endpoint_id")) is not None:
        endpoints.row(session, endpoint_id, reach)
    if (breakout_id := path.get("breakout_id")) is not None:
        breakout = session.get(Breakout, breakout_id)
        found = session.get(Meeting, breakout.meeting_id) if breakout else None
        if found is None or not reach.covers(found):
            raise Unknown(f"there is no breakout {breakout_id}", ProblemCode.UNKNOWN_BREAKOUT)
    elif meeting_id is not None and not reach.covers(queries.meeting(session, meeting_id)):
        raise Unknown(f"there is no meeting {meeting_id}", ProblemCode.UNKNOWN_MEETING)
