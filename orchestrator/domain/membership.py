"""Who may sit in a breakout, and which rooms take people."""

from typing import Protocol

from schemas.states import TAKES_PEOPLE, IncludeHosts, Location, Role, RoomState, RoomWanted, Who


class Dealing(Protocol):
    """The settings of a breakout that decide who is dealt."""

    @property
    def who(self) -> Who:
        """The people whom an even assignment deals."""

    @property
    def include_hosts(self) -> IncludeHosts:
        """Whether hosts are dealt too."""


class RoomStanding(Protocol):
    """The stored facts of a room that decide whether it takes people."""

    state: RoomState
    wanted: RoomWanted


def may_be_seated(role: Role, *, include_hosts: IncludeHosts) -> bool:
    """Return whether a breakout with this setting may seat somebody of that role without an operator."""
    return bool(include_hosts) or role is not Role.HOST


def may_be_dealt(dealing: Dealing, role: Role, location: Location) -> bool:
    """Return whether an even assignment deals somebody who was last seen at `location`."""
    here = dealing.who is Who.REGISTERED or location is not Location.AWAY
    return here and may_be_seated(role, include_hosts=dealing.include_hosts)


def takes_people(room: RoomStanding) -> bool:
    """Return whether people may be seated in a room now."""
    return room.state in TAKES_PEOPLE and room.wanted is not RoomWanted.CLOSED
