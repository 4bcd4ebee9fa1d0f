"""Which preset at RealtimeKit a person has, in the main meeting and in rooms."""

from schemas.states import Role
from schemas.tables import Breakout, Meeting


def preset_of(meeting: Meeting, role: Role, own: str | None) -> str:
    """Return the preset in the parent meeting of somebody with this role; their own goes first."""
    return own or {Role.HOST: meeting.host_preset, Role.PARTICIPANT: meeting.participant_preset}[role]


def preset_in_rooms(breakout: Breakout, meeting: Meeting, role: Role, own: str | None) -> str:
    """Return the preset in the rooms of a breakout of somebody with this role. Their own is theirs everywhere."""
    of_breakout = {Role.HOST: breakout.room_host_preset, Role.PARTICIPANT: breakout.room_participant_preset}
    of_meeting = {Role.HOST: meeting.room_host_preset, Role.PARTICIPANT: meeting.room_participant_preset}
    return own or of_breakout[role] or of_meeting[role] or preset_of(meeting, role, own)
