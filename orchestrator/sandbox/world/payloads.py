"""Bodies of webhook events, with the fields of RealtimeKit's documentation (camelCase, unlike REST)."""

from typing import Literal, get_args

from orchestrator.sandbox.world.state import Meeting, Peer, Recording, Session, World
from orchestrator.sandbox.world.values import JSON, iso, iso_or_none

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
    """Build the `meeting` object of an event; its status is LIVE even in meeting.ended."""
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
    """Build meeting.started."""
    return {"event": "meeting.started", "meeting": meeting_part(world, session.meeting, session)}


def ended(world: World, session: Session) -> JSON:
    """Build meeting.ended, with the reason HOST_ENDED_MEETING or ALL_PARTICIPANTS_LEFT."""
    part = meeting_part(world, session.meeting, session)
    return {"event": "meeting.ended", "meeting": part, "reason": session.end_reason}


def participant_part(peer: Peer) -> JSON:
    """Build the `participant` object of an event; it has neither the participant's id nor the preset."""
    custom = peer.participant.custom_participant_id
    part: JSON = {
        "peerId": peer.shown_id,
        "userDisplayName": peer.participant.name or "",
        "customParticipantId": custom,
        "clientSpecificId": custom,
        "joinedAt": iso(peer.joined_at),
    }
    return part if peer.left_at is None else part | {"leftAt": iso(peer.left_at)}


def joined(world: World, peer: Peer) -> JSON:
    """Build meeting.participantJoined."""
    part = meeting_part(world, peer.session.meeting, peer.session)
    return {"event": "meeting.participantJoined", "meeting": part, "participant": participant_part(peer)}


def left(world: World, peer: Peer) -> JSON:
    """Build meeting.participantLeft."""
    part = meeting_part(world, peer.session.meeting, peer.session)
    return {"event": "meeting.participantLeft", "meeting": part, "participant": participant_part(peer)}


def bot(world: World, recording: Recording, session: Session, *, leaves: bool) -> JSON:
    """Build the join or the leave of the recorder's bot, for the switch `recorder_triggers_events`."""
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


def recording_update(world: World, recording: Recording, shown: JSON) -> JSON:
    """Build recording.statusUpdate from the recording as REST shows it; `fileSize` is a text here."""
    part: JSON = {
        "id": recording.id,
        "recordingId": recording.id,
        "status": recording.status,
        "downloadUrl": shown["download_url"],
        "audioDownloadUrl": shown["audio_download_url"],
        "downloadUrlExpiry": shown["download_url_expiry"],
        "startedTime": shown["started_time"],
        "stoppedTime": shown["stopped_time"],
        "fileSize": None if shown["file_size"] is None else str(shown["file_size"]),
        "outputFileName": shown["output_file_name"],
        "meetingId": recording.meeting.id,
        "recordingDuration": shown["recording_duration"],
        "organizationId": world.organization_id,
        "roomUUID": recording.session.id if recording.session else None,
    }
    meeting = meeting_part(world, recording.meeting, recording.session)
    return {"event": "recording.statusUpdate", "recording": part, "meeting": meeting}
