"""How urgent a call to RealtimeKit is when the quota is short."""

from enum import IntEnum


class Priority(IntEnum):
    """The lower number goes first: closing rooms comes before everything else."""

    CLOSING = 0
    MOVING = 1
    """Somebody waits in an open room: a person who moves, or a conversation that is to be recorded."""
    OPENING = 2
    POLLING = 3
    PREPARING = 4
    """Rooms that are made ahead of their start; nobody waits for them."""
