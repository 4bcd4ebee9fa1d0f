"""Reads the events of RealtimeKit's webhooks.

Each is delivered at least once, and in no particular order. Bodies are camelCase, unlike those of the REST API.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestrator.realtimekit.records import Fields, moment, text, whole

SIGNATURE_HEADER = "rtk-signature"
DELIVERY_HEADER = "rtk-uuid"
"""Names a delivery; a replay is recognised by it, because the signature contains no time."""

MAX_ID_CHARACTERS = 64
"""RealtimeKit's ids are UUIDs; a longer text is not an id, and would not fit our columns."""

EVENTS = (
    "meeting.started",
    "meeting.ended",
    "meeting.participantJoined",
    "meeting.participantLeft",
    "recording.statusUpdate",
)
"""The events that we subscribe to."""


@dataclass(frozen=True)
class MeetingStarted:
    """A session has begun."""

    meeting_id: str
    session_id: str | None
    started_at: datetime | None


@dataclass(frozen=True)
class MeetingEnded:
    """A session is over; `reason` is HOST_ENDED_MEETING or ALL_PARTICIPANTS_LEFT."""

    meeting_id: str
    session_id: str | None
    ended_at: datetime | None
    reason: str | None


@dataclass(frozen=True)
class ParticipantJoined:
    """A connection of a person has joined; the same person may have others. Their own id may be empty."""

    meeting_id: str
    session_id: str | None
    peer_id: str
    custom_participant_id: str
    display_name: str | None
    joined_at: datetime | None


@dataclass(frozen=True)
class ParticipantLeft:
    """A connection of a person has left."""

    meeting_id: str
    session_id: str | None
    peer_id: str
    custom_participant_id: str
    joined_at: datetime | None
    left_at: datetime | None


@dataclass(frozen=True)
class RecordingUpdated:
    """A recording has changed."""

    meeting_id: str | None
    session_id: str | None
    recording_id: str
    status: str
    started_at: datetime | None
    stopped_at: datetime | None
    download_url: str | None
    download_expires_at: datetime | None
    file_name: str | None
    duration_seconds: int | None
    file_size: int | None


WebhookEvent = MeetingStarted | MeetingEnded | ParticipantJoined | ParticipantLeft | RecordingUpdated


def parse(raw: bytes) -> WebhookEvent | None:
    """Read a body; None when it is another event or lacks fields that we need. ValueError when it is not JSON."""
    body = json.loads(raw)
    if not isinstance(body, dict):
        return None
    meeting = _object_at(body, "meeting")
    if body.get("event") == "recording.statusUpdate":
        return _recording_event(_object_at(body, "recording"), meeting)
    meeting_id = text(meeting, "id")
    if meeting_id is None:
        return None
    return _meeting_event(body, meeting, meeting_id)


def _meeting_event(body: Fields, meeting: Fields, meeting_id: str) -> WebhookEvent | None:
    session_id = text(meeting, "sessionId")
    match body.get("event"):
        case "meeting.started":
            return MeetingStarted(meeting_id, session_id, moment(meeting, "startedAt"))
        case "meeting.ended":
            return MeetingEnded(meeting_id, session_id, moment(meeting, "endedAt"), text(body, "reason"))
        case "meeting.participantJoined" | "meeting.participantLeft" as event:
            return _participant_event(event, _object_at(body, "participant"), meeting_id, session_id)
    return None


def _participant_event(event: str, person: Fields, meeting_id: str, session_id: str | None) -> WebhookEvent | None:
    peer_id, custom_id = text(person, "peerId"), text(person, "customParticipantId") or ""
    if peer_id is None or max(len(peer_id), len(session_id or "")) > MAX_ID_CHARACTERS:
        return None
    joined_at = moment(person, "joinedAt")
    if event == "meeting.participantLeft":
        return ParticipantLeft(meeting_id, session_id, peer_id, custom_id, joined_at, moment(person, "leftAt"))
    return ParticipantJoined(meeting_id, session_id, peer_id, custom_id, text(person, "userDisplayName"), joined_at)


def _recording_event(recording: Fields, meeting: Fields) -> RecordingUpdated | None:
    recording_id = text(recording, "id") or text(recording, "recordingId")
    status = text(recording, "status")
    if recording_id is None or status is None:
        return None
    return RecordingUpdated(
        meeting_id=text(recording, "meetingId") or text(meeting, "id"),
        session_id=text(meeting, "sessionId") or text(recording, "roomUUID"),
        recording_id=recording_id,
        status=status,
        started_at=moment(recording, "startedTime"),
        stopped_at=moment(recording, "stoppedTime"),
        download_url=text(recording, "downloadUrl"),
        download_expires_at=moment(recording, "downloadUrlExpiry"),
        file_name=text(recording, "outputFileName"),
        duration_seconds=whole(recording, "recordingDuration"),
        file_size=whole(recording, "fileSize"),
    )


def _object_at(body: Mapping[str, Any], key: str) -> Fields:
    value = body.get(key)
    return value if isinstance(value, dict) else {}
