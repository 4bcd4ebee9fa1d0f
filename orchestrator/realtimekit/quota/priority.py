"""How urgent a call to RealtimeKit is when the quota is short."""

from enum import IntEnum


class Priority(IntEnum):
    """Lower goes first: bringing people home comes before everything else."""

    CLOSING = 0
    MOVING = 1
    """A person, or a conversation that is to be recorded, waits in an open room."""
    OPENING = 2
    POLLING = 3
    PREPARING = 4
    """Rooms made ahead of their start: nobody waits for these."""
