"""Everything the sandbox remembers: one `World` of plain records, in memory.

All of it is touched from one event loop only, and never across an `await`, so no locks are needed.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from orchestrator.sandbox.world.answers import JSON, Refusal
from orchestrator.sandbox.world.config import SandboxConfig


def new_id() -> str:
    """A UUID, as RealtimeKit's ids are."""
    return str(uuid4())


def now() -> float:
    """Seconds since the epoch."""
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
    """Somebody who may join one meeting."""

    id: str
    meeting: "Meeting"
    custom_participant_id: str
    preset: Preset
    name: str | None
    picture: str | None
    created_at: float
    updated_at: float


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
    """One stay of a participant in a session; a second tab is a second peer."""

    id: str
    participant: Participant
    session: "Session"
    joined_at: float
    left_at: float | None = None
    left_because: str | None = None


@dataclass(slots=True, eq=False)
class Session:
    """From the first join to some time after the last leave."""

    id: str
    meeting: Meeting
    started_at: float
    ended_at: float | None = None
    reason: str | None = None
    most: int = 0
    peers: dict[str, Peer] = field(default_factory=dict)
    live: dict[str, Peer] = field(default_factory=dict)
    ending: asyncio.TimerHandle | None = None


@dataclass(slots=True, eq=False)
class Recording:
    """One recording of a meeting and where it is in its life."""

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
    step: asyncio.TimerHandle | None = None
    limit: asyncio.TimerHandle | None = None
    emptied: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        """Whether it occupies its meeting: another start conflicts, a stop makes sense."""
        return self.status in {"INVOKED", "RECORDING", "PAUSED"}


@dataclass(slots=True)
class Webhook:
    """Where events are sent."""

    id: str
    name: str
    url: str
    events: list[str]
    enabled: bool
    created_at: float
    updated_at: float


@dataclass(slots=True, frozen=True)
class Departure:
    """A peer that did not leave by itself, for those who play people."""

    number: int
    peer_id: str
    because: str


class World:
    """All records, and the two ways out: events to webhooks, timers."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.base_url = config.public_url or ""
        self.organization_id = new_id()
        self.token_key = secrets.token_bytes(32)
        self.emit: Callable[[JSON], None] = lambda _event: None
        self.life = 0
        self.departed = asyncio.Event()
        self.departures: list[Departure] = []
        self.clear()

    def clear(self) -> None:
        """Forget everything but the presets of the configuration; timers that still run come to nothing."""
        moment = now()
        self.life += 1
        self.meetings: dict[str, Meeting] = {}
        self.participants: dict[str, Participant] = {}
        self.sessions: dict[str, Session] = {}
        self.peers: dict[str, Peer] = {}
        self.recordings: dict[str, Recording] = {}
        self.webhooks: dict[str, Webhook] = {}
        made = (Preset(new_id(), name, default_preset(name), moment, moment) for name in self.config.presets)
        self.presets: dict[str, Preset] = {preset.id: preset for preset in made}

    def later(self, seconds: float, what: Callable[..., None], *args: Any) -> asyncio.TimerHandle:
        """Call back in so many seconds, unless everything is forgotten before."""
        life = self.life

        def fire() -> None:
            if life == self.life:
                what(*args)

        return asyncio.get_running_loop().call_later(seconds, fire)

    def meeting(self, meeting_id: str) -> Meeting:
        """The meeting, or 404."""
        if found := self.meetings.get(meeting_id):
            return found
        raise Refusal(404, "Meeting not found")

    def preset_named(self, name: str) -> Preset:
        """The preset, or the 400 that an unknown name gets."""
        for preset in self.presets.values():
            if preset.name == name:
                return preset
        raise Refusal(400, f"Preset {name!r} does not exist")

    def tell_departed(self, peer: Peer, because: str) -> None:
        """Wake those who wait for departures."""
        self.departures.append(Departure(len(self.departures) + 1, peer.id, because))
        self.departed.set()
        self.departed = asyncio.Event()


def default_preset(name: str) -> JSON:
    """Config, permissions and look of a preset that comes with an app."""
    host = name.endswith(("_host", "_presenter"))
    view = "WEBINAR" if name.startswith("webinar") else "GROUP_CALL"
    allowed = "accept_waiting_requests can_accept_production_requests can_change_participant_permissions can_livestream"
    allowed += " can_record can_spotlight disable_participant_audio disable_participant_screensharing"
    allowed += " disable_participant_video kick_participant pin_participant"
    switching = "can_alter_connected_meetings can_switch_connected_meetings can_switch_to_parent_meeting"
    permissions: JSON = dict.fromkeys(allowed.split(), host) | {
        "can_edit_display_name": True,
        "chat": {"public": {"can_send": True, "text": True, "files": True}},
        "connected_meetings": dict.fromkeys(switching.split(), host),
        "hidden_participant": False,
        "media": {kind: {"can_produce": "ALLOWED"} for kind in ("audio", "video", "screenshare")},
        "plugins": {"can_start": host, "can_close": host},
        "polls": {"can_create": host, "can_vote": True, "can_view": True},
        "recorder_type": "NONE",
        "show_participant_list": True,
        "waiting_room_type": "SKIP",
    }
    media = {"video": {"quality": "hd", "frame_rate": 30}, "screenshare": {"quality": "hd", "frame_rate": 5}}
    config: JSON = {"view_type": view, "max_screenshare_count": 1, "media": media}
    config["max_video_streams"] = {"desktop": 25, "mobile": 6}
    return {"config": config, "permissions": permissions, "ui": {"design_tokens": {"theme": "dark"}}}
