"""Recordings that somebody else, mostly a host, starts at RealtimeKit in rooms of a locked breakout."""

from orchestrator.realtimekit.records import RecordingRecord
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.keeping_recorded import is_recorded, show, show_hosts
from orchestrator.services.breakout.recordings import end_with_room, note_started
from orchestrator.store import due
from orchestrator.store.queries import recordings_of
from schemas.events import Actor
from schemas.states import OVER, RecordingState, RoomWanted
from schemas.tables import Recording, Room


def adopt(b: LockedBreakout, room_id: str, fact: RecordingRecord) -> Recording | None:
    """Take over a recording that somebody else has started in a room, whatever has become of it. None: it may be ours.

    In a room that is not to be recorded it goes on until somebody stops it or the room closes, and no other follows.
    One that is heard of while ours is asked for may be ours, and is left to the room's pass. One that ran until now is
    asked about: RealtimeKit records a meeting once at a time, and news may come in any order.
    """
    room = b.tx.session.get_one(Room, room_id)
    mine = recordings_of(b.tx.session, [room_id])
    latest = mine[-1] if mine else None
    if not _is_strange(b, room, latest) or fact.id in {it.realtimekit_recording_id for it in mine}:
        return None
    due.want(b.tx, Recording, [it.id for it in mine if it.state is RecordingState.RECORDING])
    recording = _following(b, room, latest)
    b.tx.session.add(recording)
    b.tx.session.flush()
    with b.acting(Actor.REALTIMEKIT):
        b.move_recording(recording, RecordingState.RECORDING)
        note_started(b, recording, fact)
        if recording.state not in OVER:
            _keep_or_end(b, room, recording, fact)
    return recording


def _is_strange(b: LockedBreakout, room: Room, latest: Recording | None) -> bool:
    """Return whether a recording that we do not know can't be one that we have asked for."""
    if latest is None:
        return not is_recorded(b, room)
    return latest.state is not RecordingState.REQUESTED


def _following(b: LockedBreakout, room: Room, latest: Recording | None) -> Recording:
    """Return a recording that follows the room's latest, and takes over since when nothing is recorded."""
    recording = Recording(breakout_id=b.row.id, room_id=room.id, created_at=b.now, by_host=not is_recorded(b, room))
    if latest is not None:
        recording.replaced, recording.unrecorded_since = latest.replaced, latest.unrecorded_since
        latest.unrecorded_since = None
    return recording


def _keep_or_end(b: LockedBreakout, room: Room, recording: Recording, fact: RecordingRecord) -> None:
    """Show that an open room is recorded. One that closes has it stopped, and with a closed one it has ended."""
    if room.retired_at is not None:
        end_with_room(b, recording, fact)
        return
    if recording.by_host:
        show_hosts(b, room.id)
    else:
        show(b, {room.id: None})
    if room.wanted is RoomWanted.CLOSED:
        due.want(b.tx, Room, [room.id])
