"""What RealtimeKit's webhooks say.

Deliveries are at least once and in no particular order. Bodies are camelCase, unlike the REST API's.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestrator.realtimekit.records import Fields, moment, text, whole
from orchestrator.realtimekit.signatures import KeyFetcher, verify

__all__ = [
    "DELIVERY_HEADER",
    "EVENTS",
    "SIGNATURE_HEADER",
    "KeyFetcher",
    "MeetingEnded",
    "MeetingStarted",
    "ParticipantJoined",
    "ParticipantLeft",
    "RecordingUpdated",
    "WebhookEvent",
    "parse",
    "verify",
]

SIGNATURE_HEADER = "rtk-signature"
DELIVERY_HEADER = "rtk-uuid"
"""Unique for a delivery: the signature has no time in it, so this is what a replay is known by."""

LONGEST_ID = 64
"""RealtimeKit's ids are UUIDs; what is longer is none, and would not fit where we keep it."""

EVENTS = (
    "meeting.started",
    "meeting.ended",
    "meeting.participantJoined",
    "meeting.participantLeft",
    "recording.statusUpdate",
)
"""What we ask RealtimeKit to send."""


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
    """A connection of a person has joined; the same person may have others."""

    meeting_id: str
    session_id: str | None
    peer_id: str
    custom_participant_id: str
    display_name: str | None
    joined_at: datetime | None


@dataclass(frozen=True)
class ParticipantLeft:
    """A connection of a person is gone."""

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
    duration_seconds: int | None
    file_size: int | None


WebhookEvent = MeetingStarted | MeetingEnded | ParticipantJoined | ParticipantLeft | RecordingUpdated


def parse(raw: bytes) -> WebhookEvent | None:
    """The event in a body; None when it is of no use to us or lacks what would make it so. ValueError: not JSON."""
    body = json.loads(raw)
    if not isinstance(body, dict):
        return None
    meeting = _part(body, "meeting")
    if body.get("event") == "recording.statusUpdate":
        return _recording(_part(body, "recording"), meeting)
    meeting_id = text(meeting, "id")
    if meeting_id is None:
        return None
    return _of_meeting(body, meeting, meeting_id)


def _of_meeting(body: Fields, meeting: Fields, meeting_id: str) -> WebhookEvent | None:
    session_id = text(meeting, "sessionId")
    match body.get("event"):
        case "meeting.started":
            return MeetingStarted(meeting_id, session_id, moment(meeting, "startedAt"))
        case "meeting.ended":
            return MeetingEnded(meeting_id, session_id, moment(meeting, "endedAt"), text(body, "reason"))
        case "meeting.participantJoined" | "meeting.participantLeft" as event:
            return _of_person(event, _part(body, "participant"), meeting_id, session_id)
    return None


def _of_person(event: str, person: Fields, meeting_id: str, session_id: str | None) -> WebhookEvent | None:
    peer_id, custom_id = text(person, "peerId"), text(person, "customParticipantId")
    if peer_id is None or custom_id is None or len(peer_id) > LONGEST_ID or len(session_id or "") > LONGEST_ID:
        return None
    joined_at = moment(person, "joinedAt")
    if event == "meeting.participantLeft":
        return ParticipantLeft(meeting_id, session_id, peer_id, custom_id, joined_at, moment(person, "leftAt"))
    return ParticipantJoined(meeting_id, session_id, peer_id, custom_id, text(person, "userDisplayName"), joined_at)


def _recording(recording: Fields, meeting: Fields) -> RecordingUpdated | None:
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
        duration_seconds=whole(recording, "recordingDuration"),
        file_size=whole(recording, "fileSize"),
    )


def _part(body: Mapping[str, Any], key: str) -> Fields:
    part = body.get(key)
    return part if isinstance(part, dict) else {}
