"""The tables. A row that tasks work on is a `Due`, whose columns hold when it is due and who works on it."""

from schemas.tables.admission import Admission
from schemas.tables.breakouts import IS_LIVE, IS_LOST, IS_UNFINISHED, SAME_NAMES, Breakout, Event, Room, Seat, Solve
from schemas.tables.console import ConsoleSession
from schemas.tables.deployment import OLD_NAMES, ORPHANS, ApiKey, Deployment, IdempotencyKey, Leftover, Sweep
from schemas.tables.endpoints import (
    IS_AT_ONCE,
    IS_IN_LINE,
    IS_NOT_DELIVERED,
    Delivery,
    Endpoint,
    EndpointCursor,
    Outbox,
)
from schemas.tables.meetings import Fact, Inbox, Meeting, PresetRights
from schemas.tables.people import IS_FORMER, Participant, Presence, UnregisteredPeer, Visit
from schemas.tables.recordings import IS_RECORDED_NOW, Recording
from schemas.tables.rows import Due, Paced
from schemas.tables.talking import IS_OPEN_REQUEST, HelpRequest, RoomPoll

__all__ = [
    "IS_AT_ONCE",
    "IS_FORMER",
    "IS_IN_LINE",
    "IS_LIVE",
    "IS_LOST",
    "IS_NOT_DELIVERED",
    "IS_OPEN_REQUEST",
    "IS_RECORDED_NOW",
    "IS_UNFINISHED",
    "OLD_NAMES",
    "ORPHANS",
    "SAME_NAMES",
    "Admission",
    "ApiKey",
    "Breakout",
    "ConsoleSession",
    "Delivery",
    "Deployment",
    "Due",
    "Endpoint",
    "EndpointCursor",
    "Event",
    "Fact",
    "HelpRequest",
    "IdempotencyKey",
    "Inbox",
    "Leftover",
    "Meeting",
    "Outbox",
    "Paced",
    "Participant",
    "Presence",
    "PresetRights",
    "Recording",
    "Room",
    "RoomPoll",
    "Seat",
    "Solve",
    "Sweep",
    "UnregisteredPeer",
    "Visit",
]
