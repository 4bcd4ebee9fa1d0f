"""Bodies of requests. What they accept is bounded and can be stored; anything else is a 422 that names the field."""

from schemas.requests.base import LARGEST_COUNTER, LARGEST_SEED, MOST_PEOPLE, MOST_ROOMS, RequestBody
from schemas.requests.changes import (
    CLOCK,
    BreakoutChange,
    CancelRequest,
    CloseRequest,
    NewRoomRequest,
    RebalanceRequest,
    RoomChange,
    SeatChange,
    ShuffleRequest,
)
from schemas.requests.endpoints import EndpointChange, EndpointRequest
from schemas.requests.meetings import (
    ClientTokenRequest,
    MeetingChange,
    MeetingRequest,
    ParticipantsRequest,
    PersonRequest,
    PresentRequest,
)
from schemas.requests.plans import (
    ROOM_SOURCES,
    AssignmentRequest,
    BreakoutRequest,
    PlanSettings,
    RecordingRequest,
    RoomRequest,
)
from schemas.requests.presets import RoomPresetsRequest
from schemas.requests.rounds import RoundsRequest
from schemas.requests.seats import AckRequest
from schemas.requests.talking import BroadcastRequest, PollRequest, RecordingCommand

__all__ = [
    "CLOCK",
    "LARGEST_COUNTER",
    "LARGEST_SEED",
    "MOST_PEOPLE",
    "MOST_ROOMS",
    "ROOM_SOURCES",
    "AckRequest",
    "AssignmentRequest",
    "BreakoutChange",
    "BreakoutRequest",
    "BroadcastRequest",
    "CancelRequest",
    "ClientTokenRequest",
    "CloseRequest",
    "EndpointChange",
    "EndpointRequest",
    "MeetingChange",
    "MeetingRequest",
    "NewRoomRequest",
    "ParticipantsRequest",
    "PersonRequest",
    "PlanSettings",
    "PollRequest",
    "PresentRequest",
    "RebalanceRequest",
    "RecordingCommand",
    "RecordingRequest",
    "RequestBody",
    "RoomChange",
    "RoomPresetsRequest",
    "RoomRequest",
    "RoundsRequest",
    "SeatChange",
    "ShuffleRequest",
]
