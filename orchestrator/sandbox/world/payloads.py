"""Bodies of webhook events, field by field as RealtimeKit's documentation shows them (camelCase, unlike REST)."""

from typing import Literal, get_args

from orchestrator.sandbox.world.answers import JSON, iso, iso_or_none
from orchestrator.sandbox.world.state import Meeting, Peer, Recording, Session, World

EventName = Literal[
    "meeting.started",
    "meeting.ended",
    "meeting.participantJoined",
    "meeting.participantLeft",
    "meeting.chatSynced",
    "recording.statusUpdate",
    "livestreaming.statusUpdate",
    "meeting.transcript",
    "meeting.summary",
]
EVENTS: tuple[str, ...] = get_args(EventName)


def meeting_part(world: World, meeting: Meeting, session: Session | None) -> JSON:
    """The `meeting` object that all events carry; its status stays LIVE even in meeting.ended."""
    part: JSON = {
        "id": meeting.id,
        "sessionId": session.id if session else "",
        "title": meeting.title or "",
        "roomName": meeting.id,
        "status": "LIVE",
        "createdAt": iso(meeting.created_at),
        "startedAt": iso(session.started_at if session else meeting.created_at),
        "organizedBy": {"id": world.config.app_id or world.organization_id, "name": "sandbox"},
    }
    if session and session.ended_at is not None:
        part["endedAt"] = iso(session.ended_at)
    return part


def started(world: World, session: Session) -> JSON:
    """meeting.started."""
    return {"event": "meeting.started", "meeting": meeting_part(world, session.meeting, session)}


def ended(world: World, session: Session) -> JSON:
    """meeting.ended, with HOST_ENDED_MEETING or ALL_PARTICIPANTS_LEFT."""
    part = meeting_part(world, session.meeting, session)
    return {"event": "meeting.ended", "meeting": part, "reason": session.reason}


def person(peer: Peer) -> JSON:
    """The `participant` object: neither participant id nor preset is in it."""
    custom = peer.participant.custom_participant_id
    part: JSON = {
        "peerId": peer.id,
        "userDisplayName": peer.participant.name or "",
        "customParticipantId": custom,
        "clientSpecificId": custom,
        "joinedAt": iso(peer.joined_at),
    }
    return part if peer.left_at is None else part | {"leftAt": iso(peer.left_at)}


def joined(world: World, peer: Peer) -> JSON:
    """meeting.participantJoined."""
    part = meeting_part(world, peer.session.meeting, peer.session)
    return {"event": "meeting.participantJoined", "meeting": part, "participant": person(peer)}


def left(world: World, peer: Peer) -> JSON:
    """meeting.participantLeft."""
    part = meeting_part(world, peer.session.meeting, peer.session)
    return {"event": "meeting.participantLeft", "meeting": part, "participant": person(peer)}


def bot(world: World, recording: Recording, session: Session, *, leaves: bool) -> JSON:
    """The recorder's bot as a participant, for the switch `recorder_triggers_events`."""
    name = "meeting.participantLeft" if leaves else "meeting.participantJoined"
    part: JSON = {
        "peerId": recording.bot_peer_id,
        "userDisplayName": "Recorder",
        "customParticipantId": f"recorder-{recording.id}",
        "clientSpecificId": f"recorder-{recording.id}",
        "joinedAt": iso(recording.invoked_at),
    }
    if leaves:
        part["leftAt"] = iso_or_none(recording.stopped_at)
    return {"event": name, "meeting": meeting_part(world, recording.meeting, session), "participant": part}


def recording_update(world: World, recording: Recording, rest: JSON) -> JSON:
    """recording.statusUpdate; `rest` is the recording as REST shows it. `fileSize` is a string here."""
    part: JSON = {
        "id": recording.id,
        "recordingId": recording.id,
        "status": recording.status,
        "downloadUrl": rest["download_url"],
        "audioDownloadUrl": rest["audio_download_url"],
        "downloadUrlExpiry": rest["download_url_expiry"],
        "startedTime": rest["started_time"],
        "stoppedTime": rest["stopped_time"],
        "fileSize": None if rest["file_size"] is None else str(rest["file_size"]),
        "outputFileName": rest["output_file_name"],
        "meetingId": recording.meeting.id,
        "recordingDuration": rest["recording_duration"],
        "organizationId": world.organization_id,
        "roomUUID": recording.session.id if recording.session else None,
    }
    whole = meeting_part(world, recording.meeting, recording.session)
    return {"event": "recording.statusUpdate", "recording": part, "meeting": whole}
