"""Bodies of requests about plans: how many rooms, who sits where, and the clock that they run by."""

from collections.abc import Mapping
from math import comb
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, model_validator

from schemas.fields import AttributeName, Clean, Name, PersonId, RowId, Start, whole
from schemas.requests.base import LARGEST_SEED, MOST_PEOPLE, MOST_ROOMS, RequestBody, repeated
from schemas.requests.presets import RoomPresetsRequest
from schemas.states import AssignmentMode, Deal, LateJoin, OnRoomFailure, Who

IncludeHosts = StrictBool | Literal["one_per_room"]
Right = StrictBool | Literal["preset"]
ROOM_SOURCES = ("rooms", "room_size", "from_breakout")
"""Where the rooms of a plan come from: one of these."""
Group = Annotated[list[PersonId], Field(min_length=2, max_length=MOST_PEOPLE)]
Groups = Annotated[list[Group], Field(max_length=MOST_PEOPLE)]
MOST_PAIRS = 250_000
"""How many pairs of people may be kept apart: a second's work. 50 groups of 100 people have fewer."""


def _few_pairs(groups: list[list[str]]) -> list[list[str]]:
    """Refuse what would keep a process busy for minutes. Of a group of more people than rooms only so many count."""
    if sum(comb(min(len(group), MOST_ROOMS + 1), 2) for group in groups) > MOST_PAIRS:
        raise ValueError(f"must keep at most {MOST_PAIRS} pairs of people apart")
    return groups


class RoomRequest(RequestBody):
    """One room, and who is pinned to it."""

    name: Name = Field(description="Unique within the breakout.")
    participants: Annotated[list[PersonId], Field(max_length=MOST_PEOPLE)] = Field(
        default_factory=list, description="Who sits here whatever a deal says (`pinned`). Default: nobody."
    )
    max_participants: Annotated[int, whole(1, MOST_PEOPLE)] | None = Field(
        default=None, description="How many people it takes. Default: null, as many as come."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.max_participants is not None and len(self.participants) > self.max_participants:
            raise ValueError("more participants than max_participants")
        return self


def numbered_rooms(count: int) -> list[RoomRequest]:
    """Return `count` rooms, called Room 1, Room 2 and so on."""
    return [RoomRequest(name=f"Room {number}") for number in range(1, count + 1)]


def _rooms(value: Any) -> Any:
    """Turn a number, or a list that may contain bare names, into a list of rooms."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= MOST_ROOMS:
            raise ValueError(f"must be 1 to {MOST_ROOMS} rooms")
        return numbered_rooms(value)
    if isinstance(value, list):
        return [{"name": room} if isinstance(room, str) else room for room in value]
    return value


def _rooms_apart(rooms: list[RoomRequest] | None) -> list[RoomRequest] | None:
    if twice := repeated(room.name for room in rooms or []):
        raise ValueError(f"names must be unique within a breakout; more than once: {', '.join(twice[:5])}")
    if twice := repeated(person for room in rooms or [] for person in room.participants):
        raise ValueError(f"a participant can be in one room only; more than once: {', '.join(twice[:5])}")
    return rooms


Rooms = Annotated[
    Annotated[list[RoomRequest], Field(min_length=1, max_length=MOST_ROOMS)] | None,
    BeforeValidator(
        _rooms,
        json_schema_input_type=Annotated[int, Field(ge=1, le=MOST_ROOMS)] | list[Name] | list[RoomRequest] | None,
    ),
    AfterValidator(_rooms_apart),
]


class AssignmentRequest(RequestBody):
    """Who decides where people sit, whom a deal is for, and the rules that it keeps."""

    mode: AssignmentMode = Field(
        default=AssignmentMode.EVEN,
        description="`even`: a seeded shuffle deals people out evenly. `manual`: only who is listed in `rooms` has a "
        "room. `self_select`: nobody is moved, and each picks a room. People who are listed in `rooms` sit there in "
        "every mode.",
    )
    seed: Annotated[int, whole(-LARGEST_SEED - 1, LARGEST_SEED)] | None = Field(
        default=None, description="Same seed and same participants: same groups. Default: one made at random."
    )
    who: Who = Field(
        default=Who.REGISTERED,
        description="Whom a deal is for: all who are registered, or those of them who are present when it is made.",
    )
    include_hosts: IncludeHosts = Field(
        default=False,
        description="Whether hosts are dealt out too. `one_per_room`: they are dealt first, one to a room, as its "
        "`facilitators`; further hosts stay in main.",
    )
    deal: Deal | None = Field(
        default=None,
        description="When the groups are dealt for good. `now`: when it is planned; who has come since is placed at "
        "the start as `late_join` says. `at_start`: at the start, or when it is prepared, among those who are there "
        "by then; until then the groups are a preview. Default: `at_start` with `room_size`, with `who: present`, or "
        "when there is nobody to deal yet; else `now`.",
    )
    together: Groups = Field(
        default_factory=list,
        description="Groups of people who sit in the same room, by `custom_participant_id`. It needs the extra "
        "`[constraints]`. Default: none.",
    )
    apart: Annotated[Groups, AfterValidator(_few_pairs)] = Field(
        default_factory=list,
        description="Groups of people no two of whom sit in the same room, by `custom_participant_id`. It needs the "
        "extra `[constraints]`. Default: none.",
    )
    balance_by: Annotated[list[AttributeName], Field(max_length=10)] = Field(
        default_factory=list,
        description="Attributes each value of which is spread over the rooms as evenly as possible. It needs the extra "
        "`[constraints]`. Default: none.",
    )


class RecordingRequest(RequestBody):
    """How rooms are recorded, when they are."""

    max_seconds: Annotated[int, whole(60, 86400)] | None = Field(
        default=None, description="After how many seconds RealtimeKit ends a room's recording. Default: null, 86400."
    )
    file_name_prefix: Annotated[str, Field(min_length=1, max_length=100), Clean] | None = Field(
        default=None,
        description="What the name of each file begins with. Default: null, the last twelve digits of the room's id.",
    )


class PlanSettings(RequestBody):
    """The settings of a breakout."""

    name: Name | None = Field(
        default=None, description='Default: "Breakout n", where n counts the breakouts of its meeting.'
    )
    rooms: Rooms = Field(
        default=None, description="A number, a list of names, or a list of rooms. Default: null, with `room_size`."
    )
    room_size: Annotated[int, whole(1, 1000)] | None = Field(
        default=None,
        description="Instead of `rooms`: as many rooms of at most this many people as are needed. How many that is "
        "is decided when the groups are dealt (`assignment.deal`). Default: null, with `rooms`.",
    )
    from_breakout: RowId | None = Field(
        default=None,
        description="Instead of `rooms`: the id of an earlier breakout, also of another meeting. The new one has the "
        "same rooms and members; who is gone frees their seat, and sizes are evened out with the fewest moves. "
        "Default: null.",
    )
    assignment: AssignmentRequest = Field(
        default_factory=AssignmentRequest, description="Who sits where. Default: all who are no hosts, dealt evenly."
    )
    duration_seconds: Annotated[int, whole(10, 86400)] | None = Field(
        default=None, description="How many seconds it is open before it closes by itself. Default: null, no timer."
    )
    countdown_seconds: Annotated[int, whole(0, 600)] = Field(
        default=60, description="How many seconds people have after closing was announced, until seats point to main."
    )
    warn_before_seconds: Annotated[list[Annotated[int, whole(1, 86400)]], Field(max_length=20)] = Field(
        default_factory=lambda: [300, 60, 10],
        description="How many seconds before the timer ends browsers are warned. Default: [300, 60, 10].",
    )
    record: StrictBool = Field(default=False, description="Whether every room is recorded while people are in it.")
    recording: RecordingRequest = Field(
        default_factory=RecordingRequest, description="How, where `record` is true. Default: as its fields say."
    )
    allow_switch: Right = Field(
        default=False,
        description="With true, or in `self_select`, `breakout.rooms` of each seat lists the rooms with their counts. "
        "They choose one with `PUT /v1/seat/room`. `preset`: as each person's preset at RealtimeKit says "
        "(`can_switch_connected_meetings`).",
    )
    allow_return: Right = Field(
        default=True,
        description="Whether people may go home by themselves, with `PUT /v1/seat/room`. `preset`: as each person's "
        "preset at RealtimeKit says (`can_switch_to_parent_meeting`).",
    )
    late_join: LateJoin = Field(
        default=LateJoin.LEAST_FILLED,
        description="Where somebody goes who comes after the groups were dealt: to the room with the fewest people "
        "(`least_filled`), or nowhere (`main`). It applies where `assignment.mode` is `even`.",
    )
    on_room_failure: OnRoomFailure = Field(
        default=OnRoomFailure.REDISTRIBUTE,
        description="What becomes of people whose room can't be opened: `redistribute` seats them in the other rooms, "
        "`keep` leaves them in main, `abort` ends the whole breakout.",
    )
    room_presets: RoomPresetsRequest = Field(
        default_factory=RoomPresetsRequest,
        description="The presets that people have in the rooms of this breakout. Default: the meeting's "
        "`room_presets`.",
    )
    start: Start = Field(
        default="manual", description="`now`; `manual`, as a draft that is started later; or a time to come (RFC 3339)."
    )


class BreakoutRequest(PlanSettings):
    """A breakout: how many rooms, who sits where, and the clock it runs by."""

    @model_validator(mode="before")
    @classmethod
    def _one_source_of_rooms(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and sum(data.get(name) is not None for name in ROOM_SOURCES) != 1:
            raise ValueError(f"give exactly one of {', '.join(ROOM_SOURCES)}")
        return data
