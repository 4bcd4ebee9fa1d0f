"""Bodies of requests. What they accept is bounded and can be stored; anything else is a 422 that names the field."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    model_validator,
)

from schemas.fields import Attributes, Clean, Name, PersonId, Preset, RowId, Start, Time, whole
from schemas.states import AssignmentMode, Deal, LateJoin, Location, OnRoomFailure, Role, Who

MOST_ROOMS = 500
MOST_PEOPLE = 5000
"""The most people in one body; `POST …/participants` takes 1000."""
LARGEST_SEED = 2**63 - 1
LARGEST_COUNTER = 2**31 - 1


def repeated(values: Iterable[str]) -> list[str]:
    """Return the values that occur more than once."""
    return [value for value, times in Counter(values).items() if times > 1]


class RequestBody(BaseModel):
    """The base of all request bodies. An unknown field is a mistake, and is not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PersonRequest(RequestBody):
    """P: a person of a meeting, under the caller's own id for them."""

    custom_participant_id: PersonId = Field(description="The caller's own id of this person.", examples=["ana"])
    name: Name = Field(description="What others see.", examples=["Ana"])
    role: Role = Field(
        default=Role.PARTICIPANT, description="A deal leaves hosts in main unless `assignment.include_hosts` is true."
    )
    preset_name: Preset | None = Field(
        default=None, description="A preset at RealtimeKit. Default: the meeting's for the role."
    )
    attributes: Attributes = Field(
        default_factory=dict,
        description="Texts of the caller's own about this person, kept and shown again. Default: none.",
        examples=[{"team": "blue"}],
    )


def _nobody_twice(people: list[PersonRequest]) -> list[PersonRequest]:
    if twice := repeated(person.custom_participant_id for person in people):
        raise ValueError(f"the same custom_participant_id more than once: {', '.join(twice[:5])}")
    return people


class MeetingRequest(RequestBody):
    """A parent meeting to create at RealtimeKit, or one to adopt."""

    title: Name | None = Field(
        default=None,
        description="Required unless an existing meeting is adopted. Default: that meeting's title at RealtimeKit.",
    )
    realtimekit_meeting_id: Annotated[str, Field(min_length=1, max_length=64), Clean] | None = Field(
        default=None,
        description="Adopts this meeting of RealtimeKit and imports its participants. Default: a new one is made.",
    )
    host_preset: Preset = Field(
        default="group_call_host", description="The preset at RealtimeKit of hosts without a `preset_name`."
    )
    participant_preset: Preset = Field(
        default="group_call_participant", description="The preset at RealtimeKit of all others without a `preset_name`."
    )
    participants: Annotated[list[PersonRequest], Field(max_length=MOST_PEOPLE), AfterValidator(_nobody_twice)] = Field(
        default_factory=list, description="People to register at once. Default: nobody."
    )

    @model_validator(mode="after")
    def _titled_or_adopted(self) -> Self:
        if self.title is None and self.realtimekit_meeting_id is None:
            raise ValueError("give a title for a new meeting, or the realtimekit_meeting_id of one that exists")
        return self


class ParticipantsRequest(RequestBody):
    """People to register in a meeting; those known already get the new name and role, and what else is given."""

    participants: Annotated[
        list[PersonRequest], Field(min_length=1, max_length=1000), AfterValidator(_nobody_twice)
    ] = Field(description="People to register, or to change.")


class ClientTokenRequest(RequestBody):
    """How long a browser's token is good for."""

    ttl_seconds: Annotated[int, whole(60, 86400)] = Field(
        default=14400, description="How many seconds the token is good for."
    )


class PresentRequest(RequestBody):
    """Whether somebody is in the main meeting, said by a caller that has no webhooks."""

    present: StrictBool = Field(description="Whether this person is in the main meeting now.")


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


def rooms_needed(people: int, room_size: int) -> int:
    """Return how many rooms of that size so many people fill; at least one."""
    return max(1, -(-people // room_size))


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
    """Who decides where people sit: `even` deals them out by a seeded shuffle, `manual` follows `rooms` alone."""

    mode: AssignmentMode = Field(
        default=AssignmentMode.EVEN, description="People who are listed in `rooms` sit there in either mode."
    )
    seed: Annotated[int, whole(-LARGEST_SEED - 1, LARGEST_SEED)] | None = Field(
        default=None, description="Same seed and same participants: same groups. Default: one made at random."
    )
    who: Who = Field(
        default=Who.REGISTERED,
        description="Whom a deal is for: all who are registered, or those of them who are present when it is made.",
    )
    include_hosts: StrictBool = Field(default=False, description="Whether hosts are dealt out too.")
    deal: Deal | None = Field(
        default=None,
        description="When the groups are dealt for good. `now`: when it is planned; who has come since is placed at "
        "the start as `late_join` says. `at_start`: at the start, or when it is prepared, among those who are there "
        "by then; until then the groups are a preview. Default: `at_start` with `room_size`, with `who: present`, or "
        "when there is nobody to deal yet; else `now`.",
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


class BreakoutRequest(RequestBody):
    """A breakout: how many rooms, who sits where, and the clock it runs by."""

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
    allow_switch: StrictBool = Field(
        default=False,
        description="Whether `breakout.rooms` of each seat lists the rooms with their counts. It moves nobody: this "
        "version has no call by which people choose a room themselves.",
    )
    allow_return: StrictBool = Field(
        default=True,
        description="Kept and shown without an effect: this version has no call by which people go home by themselves.",
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
    start: Start = Field(
        default="manual", description="`now`; `manual`, as a draft that is started later; or a time to come (RFC 3339)."
    )

    @model_validator(mode="before")
    @classmethod
    def _rooms_or_room_size(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and (data.get("rooms") is None) == (data.get("room_size") is None):
            raise ValueError("give exactly one of rooms and room_size")
        return data

    def room_list(self, people: int) -> list[RoomRequest]:
        """Return the rooms asked for; with `room_size`, as many as `people` need, at least one.

        Raises ValueError when that would be more than a breakout may have.
        """
        if self.rooms is not None:
            return self.rooms
        assert self.room_size is not None
        needed = rooms_needed(people, self.room_size)
        if needed > MOST_ROOMS:
            raise ValueError(f"{people} people in rooms of {self.room_size} would need {needed} of {MOST_ROOMS} rooms")
        return numbered_rooms(needed)


class CloseRequest(RequestBody):
    """How to close a breakout."""

    countdown_seconds: Annotated[int, whole(0, 600)] | None = Field(
        default=None, description="How many seconds people have to come back. Default: the breakout's own."
    )


class BreakoutChange(RequestBody):
    """One change of a breakout."""

    name: Name | None = Field(default=None, description="Its new name. Default: unchanged.")
    closes_at: Time | None = Field(
        default=None, description="When it closes (RFC 3339); while paused it changes what is left. Default: unchanged."
    )
    extend_seconds: Annotated[int, whole(-86400, 86400)] | None = Field(
        default=None,
        description="So many seconds later, or earlier. While paused it changes what is left. Default: null.",
    )
    paused: StrictBool | None = Field(
        default=None, description="True stops the timer, false lets what is left of it run. Default: unchanged."
    )

    @model_validator(mode="after")
    def _just_one(self) -> Self:
        given = self.model_fields_set
        if len(given) != 1 or getattr(self, next(iter(given))) is None:
            raise ValueError("give exactly one of name, closes_at, extend_seconds and paused")
        return self


class RoomChange(RequestBody):
    """A room's new name."""

    name: Name = Field(description="Unique within the breakout.")


class SeatChange(RequestBody):
    """The room that somebody is moved to; null: back to the main meeting."""

    room_id: RowId | None = Field(description="Our id of a room of this breakout; null: back to the main meeting.")


class AckRequest(RequestBody):
    """A browser's word on where it has arrived, or that its token was refused, and the version of its seat."""

    location: Literal[Location.MAIN, Location.ROOM, "refused"] = Field(
        description="Where it has arrived. `refused`: the token of this version was refused; another follows."
    )
    room_id: RowId | None = Field(
        default=None, description="The room, with the location `room` and only with it. Default: null."
    )
    version: Annotated[int, whole(0, LARGEST_COUNTER)] = Field(description="`version` of the seat that it followed.")

    @model_validator(mode="after")
    def _room_named(self) -> Self:
        if (self.location is Location.ROOM) != (self.room_id is not None):
            raise ValueError("room_id goes with location room, and only with it")
        return self
