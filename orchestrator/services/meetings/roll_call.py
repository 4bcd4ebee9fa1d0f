"""Asking RealtimeKit who is in which meeting: of many some at a time, so that the quota has room for others."""

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
class Place:
    """A RealtimeKit meeting that people of ours may be in."""

    realtimekit_meeting_id: str
    room_id: str | None
    """None: the parent."""
    known: int
    """How many are there by what we know."""
    strangers: int
    """How many more its session counted than were ours, when it was last asked about: guests of others', a recorder."""
    polled_at: datetime | None
    """When it was last asked about."""


@dataclass(frozen=True)
class Turns:
    """How many places may be asked about."""

    suspects: int
    """Of those where something must have happened that we were not told."""
    others: int
    """Of the rest, and of suspects beyond that."""


@dataclass(frozen=True)
class Seen:
    """Who is and was in a place, and how many its session says are there."""

    peers: Sequence[PeerRecord] = ()
    live: int = 0


@dataclass
class Roll:
    """What the calls gave; an error does not hide what worked."""

    seen: dict[Place, Seen] = field(default_factory=dict)
    error: RealtimeKitError | None = None


async def call_roll(kit: RealtimeKit, places: Sequence[Place], turns: Turns, priority: Priority) -> Roll:
    """Ask for the people of as many places as it is the turn of; where nobody is and was is told of all.

    One list of all live sessions, a call for a hundred, tells which these are, and where another number of people is
    than we know of.
    """
    roll = Roll()
    try:
        sessions = await _sessions(kit, places, priority)
    except RealtimeKitError as error:
        roll.error = error
        return roll
    roll.seen = {it: Seen() for it in places if not it.known and it.realtimekit_meeting_id not in sessions}
    chosen = choose([place for place in places if place not in roll.seen], sessions, turns)
    asked = (_see(kit, place, sessions.get(place.realtimekit_meeting_id), priority) for place in chosen)
    for place, found in zip(chosen, await asyncio.gather(*asked, return_exceptions=True), strict=True):
        if isinstance(found, Seen):
            roll.seen[place] = found
        elif isinstance(found, RealtimeKitError):
            roll.error = roll.error or found
        else:
            raise found
    return roll


def choose(places: Sequence[Place], sessions: Mapping[str, SessionRecord], turns: Turns) -> list[Place]:
    """Those to ask about now, of each kind those first that have waited longest."""
    waiting = sorted(places, key=lambda place: place.polled_at or NEVER)
    suspects = [place for place in waiting if _live(place, sessions) != place.known + place.strangers]
    first = suspects[: turns.suspects]
    return first + [place for place in waiting if place not in first][: turns.others]


def _live(place: Place, sessions: Mapping[str, SessionRecord]) -> int:
    session = sessions.get(place.realtimekit_meeting_id)
    return session.live_participants if session else 0


async def _sessions(kit: RealtimeKit, places: Sequence[Place], priority: Priority) -> dict[str, SessionRecord]:
    """The live sessions by meeting; of a single place only its own."""
    if len(places) > 1:
        return {session.meeting_id: session for session in await kit.live_sessions(priority=priority)}
    ids = [place.realtimekit_meeting_id for place in places]
    found = {meeting_id: await kit.active_session(meeting_id, priority=priority) for meeting_id in ids}
    return {meeting_id: session for meeting_id, session in found.items() if session}


async def _see(kit: RealtimeKit, place: Place, session: SessionRecord | None, priority: Priority) -> Seen:
    """Of a place without a session in the list; the list may lag, so it is asked for by itself."""
    session = session or await kit.active_session(place.realtimekit_meeting_id, priority=priority)
    if session is None:
        return Seen()
    try:
        return Seen(await kit.session_peers(session.id, priority=priority), session.live_participants)
    except NotFound:
        return Seen()
