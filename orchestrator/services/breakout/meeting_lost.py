"""What happens to a room whose meeting at RealtimeKit was closed by somebody else, or is gone."""

from sqlalchemy import update
from sqlmodel import col

from orchestrator.services.breakout.aggregate import LockedBreakout
from schemas.events import ProblemKind
from schemas.states import POINTS_TO_ROOM, RoomState
from schemas.tables import Room, Seat


def note_restored(b: LockedBreakout, room: Room) -> None:
    """Report that the meeting was not ACTIVE and is so again. People who could not join look at their seats again."""
    b.report(ProblemKind.ROOM_MENDED, "its meeting was INACTIVE at RealtimeKit, and is ACTIVE again", room_id=room.id)
    seats = b.seats_of_rooms([room.id])[room.id]
    b.people.raise_versions(seat.participant_id for seat in seats if seat.state in POINTS_TO_ROOM)


def forget_meeting(b: LockedBreakout, room: Room, words: str) -> None:
    """Forget a meeting that is gone, so that the room's next pass makes another one.

    Its people keep their seats. They are shown main until they have tokens for the new meeting.
    """
    b.report(ProblemKind.ROOM_MENDED, f"{words}; another one is made", room_id=room.id)
    room.realtimekit_meeting_id = room.name_at_realtimekit = None
    if room.state is RoomState.OPEN:
        b.move_rooms([room], RoomState.PREPARING)
    forget_records(b, room, in_doubt=False)
    seats = b.seats_of_rooms([room.id])[room.id]
    b.people.raise_versions(seat.participant_id for seat in seats if seat.state in POINTS_TO_ROOM)


def forget_records(b: LockedBreakout, room: Room, *, in_doubt: bool) -> None:
    """Forget all records of people in the child meeting. With `in_doubt` they are looked for in the next one."""
    b.tx.session.flush()
    record = {"realtimekit_participant_id": None, "name_at_realtimekit": None, "preset_at_realtimekit": None}
    token = {"auth_token": None, "token_renew_at": None, "token_good_until": None}
    everybody = update(Seat).where(col(Seat.room_id) == room.id)
    b.tx.session.execute(everybody.values(**record, **token, in_doubt=in_doubt))
