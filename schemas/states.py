"""The states of breakouts, rooms, seats and recordings, and the one table of their legal moves."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Literal


class BreakoutState(StrEnum):
    """Life of a breakout; `failed` means that its plan is impossible, or that no room could be opened."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    FAILED = "failed"


class RoomState(StrEnum):
    """Life of a room: `ready` has its child meeting and its people's tokens, `open` has invited them."""

    PLANNED = "planned"
    PREPARING = "preparing"
    READY = "ready"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
    FAILED = "failed"


class SeatState(StrEnum):
    """Life of one person's seat in one room."""

    ASSIGNED = "assigned"
    ADMITTED = "admitted"
    INVITED = "invited"
    JOINED = "joined"
    AWAY = "away"
    RETURNING = "returning"
    RETURNED = "returned"
    NEVER_JOINED = "never_joined"
    LOST = "lost"


class RecordingState(StrEnum):
    """Life of one recording of one room; `skipped` was asked for but nobody ever joined."""

    REQUESTED = "requested"
    RECORDING = "recording"
    STOPPED = "stopped"
    UPLOADED = "uploaded"
    FAILED = "failed"
    SKIPPED = "skipped"


class RecordingEnd(StrEnum):
    """Why a recording ended, which decides whether another follows while people are in the room."""

    ITSELF = "itself"
    """It failed, or RealtimeKit ended it."""
    GIVEN_UP = "given_up"
    """As ITSELF, after as many others as a room gets."""
    PERSON = "person"
    """Somebody with the right to stop it did: a host in the room, or an operator, here or at RealtimeKit."""
    LIMIT = "limit"
    """It reached `max_seconds`."""
    REFUSED = "refused"
    """RealtimeKit did not start it."""
    ROOM = "room"
    """Its room closed."""


class RecordingAction(StrEnum):
    """What an operator does with the recording of a room."""

    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"


class RoomWanted(StrEnum):
    """What a room's pass works towards; a `ready` room lacks only the invitation of its people."""

    NOTHING = "nothing"
    READY = "ready"
    OPEN = "open"
    CLOSED = "closed"


class CloseReason(StrEnum):
    """Why a breakout closed."""

    TIMER = "timer"
    API = "api"
    PARENT_ENDED = "parent_ended"
    ABORTED = "aborted"


class AssignmentMode(StrEnum):
    """Who decides where people sit."""

    EVEN = "even"
    MANUAL = "manual"
    SELF_SELECT = "self_select"


class Who(StrEnum):
    """Whom an even assignment deals out."""

    REGISTERED = "registered"
    PRESENT = "present"


class Deal(StrEnum):
    """When the groups of an even assignment are dealt for good."""

    NOW = "now"
    AT_START = "at_start"


class PlanState(StrEnum):
    """Whether the groups of a plan are dealt, or a task is looking for those that keep its rules."""

    READY = "ready"
    SOLVING = "solving"


class LateJoin(StrEnum):
    """Where somebody goes who arrives while the breakout is open."""

    LEAST_FILLED = "least_filled"
    MAIN = "main"


class OnRoomFailure(StrEnum):
    """What happens to the people of a room that failed."""

    REDISTRIBUTE = "redistribute"
    KEEP = "keep"
    ABORT = "abort"


class Role(StrEnum):
    """A participant's role in the parent meeting."""

    HOST = "host"
    PARTICIPANT = "participant"


class Location(StrEnum):
    """Where a person was last seen."""

    MAIN = "main"
    ROOM = "room"
    AWAY = "away"


class DeliveryState(StrEnum):
    """What became of a delivery to a caller's endpoint."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    REFUSED = "refused"
    """Its target is an address that we do not call."""


class FactSource(StrEnum):
    """Who has said something: RealtimeKit by a webhook, or a participant's browser by an ack."""

    WEBHOOK = "webhook"
    ACK = "ack"


class KeyRole(StrEnum):
    """What an API key is good for: everything, or looking."""

    OPERATOR = "operator"
    VIEWER = "viewer"


class TokenScope(StrEnum):
    """What a client token is good for: its person's seat, or besides that what a host may do."""

    SEAT = "seat"
    HOST = "host"


IncludeHosts = bool | Literal["one_per_room"]
"""Whether hosts are dealt out. `one_per_room`: one to a room, as its facilitator."""

PRESET: Literal["preset"] = "preset"

Right = bool | Literal["preset"]
"""Whether people may do something themselves. `preset`: those whose preset at RealtimeKit says so."""

State = BreakoutState | RoomState | SeatState | RecordingState

_B, _R, _S, _C = BreakoutState, RoomState, SeatState, RecordingState

MOVES: Mapping[type[State], Mapping[State, frozenset[State]]] = MappingProxyType(
    {
        _B: {
            _B.DRAFT: frozenset({_B.SCHEDULED, _B.OPENING, _B.CANCELLED, _B.FAILED}),
            _B.SCHEDULED: frozenset({_B.DRAFT, _B.OPENING, _B.CANCELLED, _B.FAILED}),
            _B.OPENING: frozenset({_B.OPEN, _B.CLOSING, _B.FAILED}),
            _B.OPEN: frozenset({_B.CLOSING}),
            _B.CLOSING: frozenset({_B.CLOSED, _B.OPEN}),
            _B.CLOSED: frozenset(),
            _B.CANCELLED: frozenset(),
            _B.FAILED: frozenset(),
        },
        _R: {
            _R.PLANNED: frozenset({_R.PREPARING, _R.CLOSED}),
            _R.PREPARING: frozenset({_R.READY, _R.CLOSING, _R.FAILED}),
            _R.READY: frozenset({_R.OPEN, _R.CLOSING, _R.FAILED}),
            _R.OPEN: frozenset({_R.CLOSING, _R.PREPARING}),
            _R.CLOSING: frozenset({_R.CLOSED}),
            _R.CLOSED: frozenset(),
            _R.FAILED: frozenset({_R.PREPARING, _R.CLOSED}),
        },
        _S: {
            _S.ASSIGNED: frozenset({_S.ADMITTED, _S.NEVER_JOINED}),
            _S.ADMITTED: frozenset({_S.INVITED, _S.NEVER_JOINED}),
            _S.INVITED: frozenset({_S.JOINED, _S.NEVER_JOINED}),
            _S.JOINED: frozenset({_S.AWAY, _S.RETURNING}),
            _S.AWAY: frozenset({_S.JOINED, _S.RETURNING}),
            _S.RETURNING: frozenset({_S.RETURNED, _S.LOST}),
            _S.RETURNED: frozenset(),
            _S.NEVER_JOINED: frozenset({_S.RETURNED}),
            _S.LOST: frozenset({_S.RETURNED}),
        },
        _C: {
            _C.REQUESTED: frozenset({_C.RECORDING, _C.FAILED, _C.SKIPPED}),
            _C.RECORDING: frozenset({_C.STOPPED, _C.FAILED}),
            _C.STOPPED: frozenset({_C.UPLOADED, _C.FAILED}),
            _C.UPLOADED: frozenset(),
            _C.FAILED: frozenset(),
            _C.SKIPPED: frozenset(),
        },
    }
)
"""The moves by kind, because members of two kinds that are spelled alike are equal, and would be one key."""

PLANNED = frozenset({_B.DRAFT, _B.SCHEDULED})
"""States of a breakout that has not started."""

RUNNING = frozenset({_B.OPENING, _B.OPEN})
"""States of a breakout that takes people."""

LIVE = RUNNING | {_B.CLOSING}
"""States of which a meeting has at most one breakout at a time."""

BEGUN = LIVE | {_B.CLOSED}
"""States of a breakout in whose rooms somebody may be, or have been."""

ENDED = frozenset({_B.CLOSED, _B.CANCELLED, _B.FAILED})
"""States in which a breakout stays."""

OPEN_TO_ALL = frozenset({_R.READY, _R.OPEN})
"""States of a room that people may choose by themselves while the breakout runs."""

TAKES_PEOPLE = frozenset({_R.PLANNED, _R.PREPARING, _R.READY, _R.OPEN})
"""States of a room in which people may be seated, unless the room is wanted closed."""

POINTS_TO_ROOM = frozenset({_S.INVITED, _S.JOINED, _S.AWAY})
"""States of a seat whose person should be in its room."""

HOLDS_TOKEN = POINTS_TO_ROOM | {_S.ADMITTED}
"""States of a seat whose person has a token for its room, which is kept good."""

OVER = frozenset({_C.STOPPED, _C.UPLOADED, _C.FAILED})
"""States of a recording that nothing is added to any more."""

WITHOUT_SUCCESSOR = frozenset({RecordingEnd.PERSON, RecordingEnd.LIMIT, RecordingEnd.GIVEN_UP})
"""Ends of a recording that no other follows while the same people are there."""

CAME = frozenset({_S.JOINED, _S.AWAY})
"""States of a seat whose person has been in the room, and belongs there."""

COMING = frozenset({_S.ASSIGNED, _S.ADMITTED})
"""States of a seat whose person has not been told to go there."""

ACCOUNTED = frozenset({_S.RETURNED, _S.NEVER_JOINED, _S.LOST})
"""States of a seat that needs nothing more."""


def moves_from(state: State) -> frozenset[State]:
    """Return the states that the table of moves allows after `state`."""
    return MOVES[type(state)][state]
