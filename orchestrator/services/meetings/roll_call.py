"""Polling who is in which RealtimeKit meeting: a few of many at a time, so that the quota has room for other calls."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from orchestrator.errors import NotFound, RealtimeKitError
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import PeerRecord, SessionRecord

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class PolledMeeting:
    """A RealtimeKit meeting that people of ours may be in."""

    realtimekit_meeting_id: str
    room_id: str | None
    """None for the parent meeting."""
    known: int
    """How many people are there as far as we know."""
    strangers: int
    """How many more its session counted than were ours at the last poll: other people's guests, a recorder."""
    polled_at: datetime | None
    """When it was polled last."""


@dataclass(frozen=True)
class Allowance:
    """How many meetings one pass may ask about."""

    suspects: int
    """Of those whose number of people differs from what we know."""
    others: int
    """Of the rest, and of suspects beyond the first number."""


@dataclass(frozen=True)
class Attendees:
    """The peers of a meeting's session, present and past, and how many people the session counts."""

    peers: Sequence[PeerRecord] = ()
    live: int = 0


@dataclass
class Roll:
    """The results of the calls. An error does not hide results."""

    attendees: dict[PolledMeeting, Attendees] = field(default_factory=dict)
    error: RealtimeKitError | None = None


async def call_roll(
    kit: RealtimeKit, meetings: Sequence[PolledMeeting], allowance: Allowance, priority: Priority
) -> Roll:
    """List the participants of the meetings chosen for this pass.

    The list of all live sessions, a call for each hundred, shows which meetings have another number of people than we
    know of. A meeting with no session and nobody known inside counts as empty, without a call.
    """
    roll = Roll()
    try:
        sessions = await _sessions(kit, meetings, priority)
    except RealtimeKitError as error:
        roll.error = error
        return roll
    roll.attendees = {it: Attendees() for it in meetings if not it.known and it.realtimekit_meeting_id not in sessions}
    chosen = choose([meeting for meeting in meetings if meeting not in roll.attendees], sessions, allowance)
    asked = (_attendees(kit, meeting, sessions.get(meeting.realtimekit_meeting_id), priority) for meeting in chosen)
    for meeting, found in zip(chosen, await asyncio.gather(*asked, return_exceptions=True), strict=True):
        if isinstance(found, Attendees):
            roll.attendees[meeting] = found
        elif isinstance(found, RealtimeKitError):
            roll.error = roll.error or found
        else:
            raise found
    return roll


def choose(
    meetings: Sequence[PolledMeeting], sessions: Mapping[str, SessionRecord], allowance: Allowance
) -> list[PolledMeeting]:
    """Choose the meetings to poll now: of suspects and of others, those that have waited longest."""
    waiting = sorted(meetings, key=lambda meeting: meeting.polled_at or NEVER)
    suspects = [it for it in waiting if _live(it, sessions) != it.known + it.strangers]
    first = suspects[: allowance.suspects]
    chosen = set(first)
    return first + [it for it in waiting if it not in chosen][: allowance.others]


def _live(meeting: PolledMeeting, sessions: Mapping[str, SessionRecord]) -> int:
    session = sessions.get(meeting.realtimekit_meeting_id)
    return session.live_participants if session else 0


async def _sessions(
    kit: RealtimeKit, meetings: Sequence[PolledMeeting], priority: Priority
) -> dict[str, SessionRecord]:
    """Return the live sessions by meeting; for a single meeting only its own is asked for."""
    if len(meetings) > 1:
        return {session.meeting_id: session for session in await kit.live_sessions(priority=priority)}
    ids = [meeting.realtimekit_meeting_id for meeting in meetings]
    found = {meeting_id: await kit.active_session(meeting_id, priority=priority) for meeting_id in ids}
    return {meeting_id: session for meeting_id, session in found.items() if session}


async def _attendees(
    kit: RealtimeKit, meeting: PolledMeeting, session: SessionRecord | None, priority: Priority
) -> Attendees:
    """Return who is in a meeting. Its session is asked for if the list had none, because the list may lag."""
    session = session or await kit.active_session(meeting.realtimekit_meeting_id, priority=priority)
    if session is None:
        return Attendees()
    try:
        return Attendees(await kit.session_peers(session.id, priority=priority), session.live_participants)
    except NotFound:
        return Attendees()
