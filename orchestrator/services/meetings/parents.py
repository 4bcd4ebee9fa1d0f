"""Whether the main meeting takes people, asked once before somebody adopts it or starts a breakout."""

import asyncio
import time

from sqlalchemy import select
from sqlmodel import Session, col

from orchestrator.errors import NotFound, RealtimeKitError, WrongState
from orchestrator.realtimekit.records import MeetingRecord
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import presets
from orchestrator.store import queries
from schemas.problems import ProblemCode
from schemas.requests import BreakoutChange, PlanSettings
from schemas.states import PLANNED, RoomState
from schemas.tables import Breakout, Meeting, Room

PATIENCE_SECONDS = 1.0
"""How long a start waits for the answer."""
ACTIVE = "ACTIVE"


def check_start(deps: Deps, breakout_id: str) -> None:
    """Raise WrongState when the main meeting of a planned breakout is closed.

    A prepared one does not wait for the answer. A breakout that can't be started anyway is not asked for.
    """
    with deps.database.reading() as session:
        breakout = session.get(Breakout, breakout_id)
        if breakout is None or breakout.state not in PLANNED or _is_prepared(session, breakout_id):
            return
        meeting = session.get_one(Meeting, breakout.meeting_id)
    _check(deps, meeting.realtimekit_meeting_id)


def check_change(deps: Deps, breakout_id: str, body: BreakoutChange) -> None:
    """Raise Malformed for presets that RealtimeKit lacks, WrongState when it is to start in a closed main meeting.

    A breakout that does not exist is not asked for.
    """
    named = presets.of_rooms(body.room_presets) if body.room_presets else set()
    with deps.database.glancing() as session:
        is_known = session.get(Breakout, breakout_id) is not None
    if named and is_known:
        presets.require(deps, named)
    if body.start == "now":
        check_start(deps, breakout_id)


def check_creating(deps: Deps, meeting_id: str, body: PlanSettings) -> None:
    """Raise Malformed for presets that RealtimeKit lacks, WrongState when it is to start in a closed main meeting."""
    presets.require_for(deps, meeting_id, presets.of_rooms(body.room_presets))
    if body.start != "now":
        return
    with deps.database.glancing() as session:
        meeting = session.get(Meeting, meeting_id)
    if meeting is not None:
        _check(deps, meeting.realtimekit_meeting_id)


def ask(deps: Deps, meeting_id: str) -> tuple[str | None, float]:
    """Ask once for the main meeting. Returns why nobody can join it, and how many seconds a call takes now.

    Raises Unknown. No answer in time, and no quota, count as ACTIVE.
    """
    with deps.database.glancing() as session:
        meeting = queries.meeting(session, meeting_id)
    began = time.monotonic()
    try:
        _check(deps, meeting.realtimekit_meeting_id)
    except WrongState as error:
        return error.detail, time.monotonic() - began
    return None, time.monotonic() - began


def require_active(meeting: MeetingRecord) -> None:
    """Raise WrongState for a meeting that is not ACTIVE."""
    if not meeting.is_active:
        raise _closed(meeting.status)


def _check(deps: Deps, realtimekit_meeting_id: str) -> None:
    """Ask once. No answer in time, and no quota, count as ACTIVE."""
    try:
        meeting = deps.realtimekit.run(_asked(deps, realtimekit_meeting_id))
    except NotFound as error:
        raise _closed("unknown") from error
    except (RealtimeKitError, TimeoutError):
        return
    require_active(meeting)


async def _asked(deps: Deps, realtimekit_meeting_id: str) -> MeetingRecord:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await deps.realtimekit.get_meeting(realtimekit_meeting_id)


def _closed(status: str) -> WrongState:
    return WrongState(
        f"the main meeting is {status} at RealtimeKit: nobody can join it",
        status,
        [ACTIVE],
        ProblemCode.PARENT_INACTIVE,
    )


def _is_prepared(session: Session, breakout_id: str) -> bool:
    unready = col(Room.breakout_id) == breakout_id, col(Room.state) != RoomState.READY, ~col(Room.dropped)
    return session.scalar(select(col(Room.id)).where(*unready).limit(1)) is None
