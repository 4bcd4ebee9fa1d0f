"""The parts of RealtimeKit's answers that we keep; the rest (storage credentials above all) is dropped here.

The SDK validates nothing. So each `read` checks the fields that we depend on, and raises OutcomeUnknown when one is
missing: the call may have worked, but the answer does not say so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from orchestrator.errors import OutcomeUnknown

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class MeetingRecord:
    """A meeting: a room that people can be admitted to, ACTIVE until it is retired."""

    id: str
    title: str
    status: str
    created_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether people may join."""
        return self.status == "ACTIVE"

    @classmethod
    def read(cls, data: Fields) -> "MeetingRecord":
        """Read an item of `/meetings`; a missing status means ACTIVE, which is RealtimeKit's own default."""
        status = text(data, "status") or "ACTIVE"
        return cls(required(data, "id"), text(data, "title") or "", status, moment(data, "created_at"))


@dataclass(frozen=True)
class ParticipantRecord:
    """A person admitted to one meeting; only the answer to the admission has the token."""

    id: str
    custom_participant_id: str
    preset_name: str
    name: str
    token: str | None = field(default=None, repr=False)

    @classmethod
    def read(cls, data: Fields) -> "ParticipantRecord":
        """Read an item of `/meetings/…/participants`."""
        return cls(
            id=required(data, "id"),
            custom_participant_id=text(data, "custom_participant_id") or "",
            preset_name=text(data, "preset_name") or "",
            name=text(data, "name") or "",
            token=text(data, "token"),
        )


@dataclass(frozen=True)
class RecordingRecord:
    """A recording: INVOKED → RECORDING → UPLOADING → UPLOADED, or ERRORED; PAUSED is possible too."""

    id: str
    status: str
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    download_url: str | None = None
    download_expires_at: datetime | None = None
    file_name: str | None = None
    duration_seconds: int | None = None
    error: str | None = None
    meeting_id: str | None = None
    """Only lists say it."""
    stop_reason: str | None = None
    """API_CALL, INTERNAL_ERROR or ALL_PEERS_LEFT. Only calls about one recording say it."""
    stopped_by_user: bool = False
    """Whether a participant in the meeting has stopped it."""

    @classmethod
    def read(cls, data: Fields) -> "RecordingRecord":
        """Read any answer of `/recordings`."""
        status, meeting, stop = required(data, "status"), data.get("meeting"), data.get("stop_reason")
        stop = stop if isinstance(stop, Mapping) else {}
        return cls(
            id=required(data, "id"),
            status=status,
            started_at=moment(data, "started_time"),
            stopped_at=moment(data, "stopped_time"),
            download_url=text(data, "download_url"),
            download_expires_at=moment(data, "download_url_expiry"),
            file_name=text(data, "output_file_name"),
            duration_seconds=whole(data, "recording_duration"),
            error=_reason(stop) if status == "ERRORED" else None,
            meeting_id=text(meeting, "id") if isinstance(meeting, Mapping) else None,
            stop_reason=text(stop, "reason"),
            stopped_by_user=_is_by_user(stop),
        )


@dataclass(frozen=True)
class PollText:
    """What a poll asks."""

    question: str
    options: tuple[str, ...]
    anonymous: bool = False
    hide_votes: bool = False


@dataclass(frozen=True)
class SessionRecord:
    """The live session of a meeting."""

    id: str
    meeting_id: str
    live_participants: int
    started_at: datetime | None = None

    @classmethod
    def read(cls, data: Fields) -> "SessionRecord":
        """Read an answer of `/meetings/…/active-session` or an item of `/sessions`."""
        return cls(
            id=required(data, "id"),
            meeting_id=text(data, "associated_id") or "",
            live_participants=whole(data, "live_participants") or 0,
            started_at=moment(data, "started_at"),
        )


@dataclass(frozen=True)
class PeerRecord:
    """One connection of a person in a session; a person with two tabs has two, and is gone when both have left."""

    peer_id: str
    custom_participant_id: str
    display_name: str
    joined_at: datetime | None
    left_at: datetime | None = None
    participant_id: str | None = None
    """The record with which they have joined."""

    @classmethod
    def read(cls, data: Fields) -> "PeerRecord":
        """Read an item of `/sessions/…/participants`, whose `id` is the peer's id (RealtimeKit docs)."""
        return cls(
            peer_id=required(data, "id"),
            custom_participant_id=text(data, "custom_participant_id") or "",
            display_name=text(data, "display_name") or "",
            joined_at=moment(data, "joined_at"),
            left_at=moment(data, "left_at"),
            participant_id=text(data, "user_id"),
        )


@dataclass(frozen=True)
class PresetRecord:
    """A preset; only the answer about one preset has its permissions."""

    id: str
    name: str
    waiting_room: str | None = None
    """SKIP: there is none."""
    is_host: bool = False
    """Whether who has it may make connected meetings and move people between them."""
    may_switch: bool = False
    """Whether who has it may go to another connected meeting."""
    may_return: bool = False
    """Whether who has it may go to the parent meeting."""

    @classmethod
    def read(cls, data: Fields) -> "PresetRecord":
        """Read an item or an answer of `/presets`."""
        allowed = _fields(data, "permissions")
        connected = _fields(allowed, "connected_meetings")
        return cls(
            id=required(data, "id"),
            name=text(data, "name") or "",
            waiting_room=text(allowed, "waiting_room_type"),
            is_host=connected.get("can_alter_connected_meetings") is True,
            may_switch=connected.get("can_switch_connected_meetings") is True,
            may_return=connected.get("can_switch_to_parent_meeting") is True,
        )


@dataclass(frozen=True)
class WebhookRecord:
    """A webhook registered at RealtimeKit."""

    id: str
    name: str
    url: str
    events: tuple[str, ...]
    enabled: bool

    @classmethod
    def read(cls, data: Fields) -> "WebhookRecord":
        """Read an item of `/webhooks`."""
        events = data.get("events")
        return cls(
            id=required(data, "id"),
            name=text(data, "name") or "",
            url=text(data, "url") or "",
            events=tuple(str(event) for event in events) if isinstance(events, list) else (),
            enabled=data.get("enabled") is not False,
        )


def required(data: Fields, key: str) -> str:
    """Return a text; OutcomeUnknown when it is missing or empty."""
    value = text(data, key)
    if value is None:
        raise OutcomeUnknown(f"garbled answer: no {key}")
    return value


def text(data: Fields, key: str) -> str | None:
    """Return a text; None when it is missing, empty or something else.

    NUL and lone surrogates are replaced, because PostgreSQL refuses them, and one name would hold up all who are
    stored with it.
    """
    value = data.get(key)
    if not isinstance(value, str) or not value:
        return None
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _fields(data: Fields, key: str) -> Fields:
    """Return an object; an empty one when it is missing or something else."""
    found = data.get(key)
    return found if isinstance(found, Mapping) else {}


def whole(data: Fields, key: str) -> int | None:
    """Return a number without its fraction, also one sent as a text (`fileSize` in webhooks); None when unreadable."""
    try:
        return int(float(data[key]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def moment(data: Fields, key: str) -> datetime | None:
    """Return a time in UTC; None when it is missing or unreadable."""
    try:
        parsed = datetime.fromisoformat(data[key])
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _reason(stop: Fields) -> str:
    return text(stop, "reason") or "RealtimeKit reports ERRORED without a reason"


def _is_by_user(stop: Fields) -> bool:
    caller = stop.get("caller")
    return isinstance(caller, Mapping) and caller.get("type") == "USER"
