"""How urgent a call to RealtimeKit is when the quota is short."""

from enum import IntEnum


class Priority(IntEnum):
    """Lower goes first: bringing people home comes before everything else."""

    CLOSING = 0
    MOVING = 1
    OPENING = 2
    POLLING = 3
