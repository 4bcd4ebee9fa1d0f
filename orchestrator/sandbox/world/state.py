"""The state of the sandbox: one `World` of plain records, in memory.

Only one event loop uses it, and no change of it contains an `await`. So no locks are needed.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import uuid4

from orchestrator.sandbox.world.config import SandboxConfig
from orchestrator.sandbox.world.default_preset import default_preset
from orchestrator.sandbox.world.values import JSON, Refusal


def new_id() -> str:
    """Make a UUID, like the ids of RealtimeKit."""
    return str(uuid4())


def now() -> float:
    """Return the seconds since the epoch."""
    return time.time()


@dataclass(slots=True)
class Preset:
    """A named set of permissions."""

    id: str
    name: str
    content: JSON
    created_at: float
    updated_at: float


@dataclass(slots=True, eq=False)
class Participant:
    """A person who may join one meeting."""

    id: str
    meeting: "Meeting"
    custom_participant_id: str
    preset: Preset
    name: str | None
    picture: str | None
    created_at: float
    updated_at: float
    latest_token: str = ""
    """The `jti` of the token that was made last."""


@dataclass(slots=True, eq=False)
class Meeting:
    """A reusable room; what happens in it is a session."""

    id: str
    title: str | None
    settings: JSON
    created_at: float
    updated_at: float
    status: str = "ACTIVE"
    participants: dict[str, Participant] = field(default_factory=dict)
    by_custom_id: dict[str, Participant] = field(default_factory=dict)
    session: "Session | None" = None
    recordings: "list[Recording]" = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Peer:
    """One connection of a participant to a session; a second tab is a second peer."""

    id: str
    participant: Participant
    session: "Session"
    joined_at: float
    left_at: float | None = None
    left_because: str | None = None
    shown_id: str = ""
    """The id in webhooks and in lists."""
    in_page: bool = False
    """Whether a real page is behind it."""
    producers: dict[str, JSON] = field(default_factory=dict)
    """What a page sends: its camera, its microphone, its screen."""


@dataclass(slots=True, eq=False)
class Session:
    """The time from the first join until the keep-alive time after the last leave is over."""

    id: str
    meeting: Meeting
    started_at: float
    ended_at: float | None = None
    end_reason: str | None = None
    max_live_peers: int = 0
    peers: dict[str, Peer] = field(default_factory=dict)
    live: dict[str, Peer] = field(default_factory=dict)
    polls: list[JSON] = field(default_factory=list)
    end_timer: asyncio.TimerHandle | None = None


@dataclass(slots=True, eq=False)
class Recording:
    """One recording of a meeting."""

    id: str
    meeting: Meeting
    session: Session | None
    status: str
    invoked_at: float
    file_name: str
    max_seconds: float
    started_by: str
    bot_peer_id: str
    started_at: float | None = None
    stopped_at: float | None = None
    uploaded_at: float | None = None
    stop_reason: str | None = None
    stopped_by: str = "ORGANIZATION"
    """`USER`: a participant in the meeting has stopped it."""
    next_step_timer: asyncio.TimerHandle | None = None
    limit_timer: asyncio.TimerHandle | None = None
    empty_timer: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        """Whether it has not stopped; another start then conflicts."""
        return self.status in {"INVOKED", "RECORDING", "PAUSED"}


@dataclass(slots=True)
class Webhook:
    """An address to which events are sent."""

    id: str
    name: str
    url: str
    events: list[str]
    enabled: bool
    created_at: float
    updated_at: float


@dataclass(slots=True, frozen=True)
class Departure:
    """A peer that was put out; simulated people ask for these."""

    number: int
    peer_id: str
    because: str


class Witness(Protocol):
    """Who hears at once of what happens in sessions."""

    def joined(self, peer: Peer) -> None:
        """Hear that somebody has joined."""

    def left(self, peer: Peer, because: str) -> None:
        """Hear that somebody has left, or was put out."""

    def recorded(self, recording: Recording) -> None:
        """Hear that a recording has another status."""

    def polled(self, session: Session, poll: JSON) -> None:
        """Hear that a poll was made over REST."""


class World:
    """All records, with the event sender and the timers that act on them."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.base_url = config.public_url or ""
        self.organization_id = new_id()
        self.token_key = secrets.token_bytes(32)
        self.emit: Callable[[JSON], None] = lambda _event: None
        self.witness: Witness | None = None
        self.generation = 0
        """Counts the resets, so that timers from before a reset do nothing."""
        self.departed = asyncio.Event()
        self.departures: list[Departure] = []
        self.clear()

    def clear(self) -> None:
        """Forget everything but the presets of the configuration; timers that still run will do nothing."""
        moment = now()
        self.generation += 1
        self.meetings: dict[str, Meeting] = {}
        self.participants: dict[str, Participant] = {}
        self.sessions: dict[str, Session] = {}
        self.peers: dict[str, Peer] = {}
        self.recordings: dict[str, Recording] = {}
        self.webhooks: dict[str, Webhook] = {}
        presets = (Preset(new_id(), name, default_preset(name), moment, moment) for name in self.config.presets)
        self.presets: dict[str, Preset] = {preset.id: preset for preset in presets}

    def call_later(self, seconds: float, function: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        """Call `function` in so many seconds, unless the world is cleared before."""
        generation = self.generation

        def fire() -> None:
            if generation == self.generation:
                function(*args)

        return asyncio.get_running_loop().call_later(seconds, fire)

    def meeting(self, meeting_id: str) -> Meeting:
        """Return a meeting; 404 when it is unknown."""
        if found := self.meetings.get(meeting_id):
            return found
        raise Refusal(404, "Meeting not found")

    def preset_named(self, name: str) -> Preset:
        """Return the preset with a name; 400 when it is unknown."""
        for preset in self.presets.values():
            if preset.name == name:
                return preset
        raise Refusal(400, f"Preset {name!r} does not exist")

    def add_departure(self, peer: Peer, because: str) -> None:
        """Note that a peer was put out, and wake the calls that wait for that."""
        self.departures.append(Departure(len(self.departures) + 1, peer.id, because))
        self.departed.set()
        self.departed = asyncio.Event()
