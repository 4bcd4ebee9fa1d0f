"""Where people may go by themselves: what their breakout says, or the preset at RealtimeKit that they have in rooms."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from sqlalchemy import select
from sqlmodel import Session, col

from orchestrator.domain.preset_names import preset_in_rooms
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.store import due
from orchestrator.store.database import Transaction
from schemas.states import PRESET, AssignmentMode, Right, Role
from schemas.tables import Breakout, Meeting, PresetRights


class Chooser(Protocol):
    """A person, as far as their rights depend on them."""

    role: Role
    preset_name: str | None


class Rights:
    """Who may go where in some breakouts. What a preset says counts as no until it was read."""

    def __init__(self, session: Session, breakouts: Iterable[Breakout]) -> None:
        asking = [breakout for breakout in breakouts if asks_presets(breakout)]
        self._meetings: Mapping[str, Meeting] = {}
        self._said: Mapping[str, PresetRights] = {}
        if asking:
            theirs = select(Meeting).where(col(Meeting.id).in_({breakout.meeting_id for breakout in asking}))
            self._meetings = {meeting.id: meeting for meeting in session.scalars(theirs)}
            self._said = {said.name: said for said in session.scalars(select(PresetRights))}

    def may_switch(self, breakout: Breakout, person: Chooser) -> bool:
        """Return whether somebody may go to any room."""
        said = self._preset(breakout, person)
        is_free = person.role is Role.HOST or breakout.mode is AssignmentMode.SELF_SELECT
        return is_free or _allows(breakout.allow_switch, said=said is not None and said.may_switch)

    def may_leave(self, breakout: Breakout, person: Chooser) -> bool:
        """Return whether somebody may go to main, whether as a return or as a switch."""
        said = self._preset(breakout, person)
        may_switch = _allows(breakout.allow_switch, said=said is not None and said.may_switch)
        return person.role is Role.HOST or may_switch or self.may_return(breakout, person)

    def may_return(self, breakout: Breakout, person: Chooser) -> bool:
        """Return whether somebody may go to main, and back to the room that they left."""
        said = self._preset(breakout, person)
        return _allows(breakout.allow_return, said=said is not None and said.may_return)

    def _preset(self, breakout: Breakout, person: Chooser) -> PresetRights | None:
        meeting = self._meetings.get(breakout.meeting_id)
        if meeting is None or not asks_presets(breakout):
            return None
        return self._said.get(preset_in_rooms(breakout, meeting, person.role, person.preset_name))


def asks_presets(breakout: Breakout) -> bool:
    """Return whether presets at RealtimeKit say where people may go."""
    return PRESET in (breakout.allow_switch, breakout.allow_return)


def want_rights(tx: Transaction, breakout: Breakout) -> None:
    """Let the meeting's task read what presets say, if the breakout asks them. No room may be locked yet."""
    if asks_presets(breakout):
        due.want(tx, Meeting, [breakout.meeting_id])


def show_choices(b: LockedBreakout) -> None:
    """Raise the versions of the seats that list the rooms: those of hosts, or everybody's where others may choose."""
    if b.row.allow_switch is not False or b.row.mode is AssignmentMode.SELF_SELECT:
        b.people.raise_versions()
    else:
        b.people.raise_versions_of_hosts()


def _allows(right: Right, *, said: bool) -> bool:
    return said if right == PRESET else right is True
