"""Bodies of requests. What they accept is bounded and can be stored; anything else is a 422 that names the field."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
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

from schemas.states import AssignmentMode, Deal, LateJoin, Location, OnRoomFailure, Role, Who

MOST_ROOMS = 500
MOST_PEOPLE = 5000
"""The most people in one body; `POST …/participants` takes 1000."""
LARGEST_SEED = 2**63 - 1
LARGEST_COUNTER = 2**31 - 1


def _without_controls(text: str) -> str:
    """Refuse control characters: PostgreSQL stores no NUL, and nobody can see the others."""
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("must not contain control characters")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


def _start(value: Any) -> Any:
    """Parse "now", "manual", or a time."""
    if value in ("now", "manual"):
        return value
    try:
        return _time(value)
    except ValueError as error:
        raise ValueError(f'must be "now", "manual" or a time: {error}') from None


def _time(value: Any) -> datetime:
    """Parse a time, `T` and `Z` in either case. Pydantic alone would read a bare number as seconds since 1970."""
    try:
        time = datetime.fromisoformat(value.upper())
    except (AttributeError, TypeError, ValueError):
        raise ValueError("must be a time as in RFC 3339") from None
    if time.tzinfo is None:
        raise ValueError("a time needs its offset from UTC, or Z")
    if not datetime(2000, 1, 1, tzinfo=UTC) <= time <= datetime(2200, 1, 1, tzinfo=UTC):
        raise ValueError("must lie between the years 2000 and 2200")
    return time.astimezone(UTC)


def repeated(values: Iterable[str]) -> list[str]:
    """Return the values that occur more than once."""
    return [value for value, times in Counter(values).items() if times > 1]


def _whole(least: int, most: int) -> Any:
    """Return the field of a bounded whole number. Neither "4" nor true is one."""
    return Field(strict=True, ge=least, le=most)


Clean = AfterValidator(_without_controls)
Name = Annotated[str, Field(min_length=1, max_length=200), Clean, AfterValidator(_not_blank)]
PersonId = Annotated[str, Field(min_length=1, max_length=200), Clean, AfterValidator(_not_blank)]
Preset = Annotated[str, Field(min_length=1, max_length=100), Clean]
RowId = Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]
Time = Annotated[datetime, BeforeValidator(_time, json_schema_input_type=datetime)]
Start = Annotated[Literal["now", "manual"] | datetime, BeforeValidator(_start)]
Attributes = Annotated[
    dict[
        Annotated[str, Field(min_length=1, max_length=100), Clean],
        Annotated[str, Field(max_length=500), Clean],
    ],
    Field(max_length=50),
]


class RequestBody(BaseModel):
    """The base of all request bodies. An unknown field is a mistake, and is not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PersonRequest(RequestBody):
    """P: a person of a meeting, under the caller's own id for them."""

    custom_participant_id: PersonId = Field(description="The caller's own id of this person.", examples=["ana"])
    name: Name = Field(examples=["Ana"])
    role: Role = Role.PARTICIPANT
    preset_name: Preset | None = Field(default=None, description="Instead of the meeting's preset for the role.")
    attributes: Attributes = Field(default_factory=dict, examples=[{"team": "blue"}])


def _nobody_twice(people: list[PersonRequest]) -> list[PersonRequest]:
    if twice := repeated(person.custom_participant_id for person in people):
        raise ValueError(f"the same custom_participant_id more than once: {', '.join(twice[:5])}")
    return people


class MeetingRequest(RequestBody):
    """A parent meeting to create at RealtimeKit, or one to adopt."""

    title: Name | None = Field(default=None, description="Required unless an existing meeting is adopted.")
    realtimekit_meeting_id: Annotated[str, Field(min_length=1, max_length=64), Clean] | None = Field(
        default=None, description="Adopts this meeting of RealtimeKit and imports its participants."
    )
    host_preset: Preset = "group_call_host"
    participant_preset: Preset = "group_call_participant"
    participants: Annotated[list[PersonRequest], Field(max_length=MOST_PEOPLE), AfterValidator(_nobody_twice)] = Field(
        default_factory=list
    )

    @model_validator(mode="after")
    def _titled_or_adopted(self) -> Self:
        if self.title is None and self.realtimekit_meeting_id is None:
            raise ValueError("give a title for a new meeting, or the realtimekit_meeting_id of one that exists")
        return self


class ParticipantsRequest(RequestBody):
    """People to register in a meeting; those known already get the new name and role, and what else is given."""

    participants: Annotated[list[PersonRequest], Field(min_length=1, max_length=1000), AfterValidator(_nobody_twice)]


class ClientTokenRequest(RequestBody):
    """How long a browser's token is good for."""

    ttl_seconds: Annotated[int, _whole(60, 86400)] = 14400


class PresentRequest(RequestBody):
    """Whether somebody is in the main meeting, said by a caller that has no webhooks."""

    present: StrictBool


class RoomRequest(RequestBody):
    """One room, and who is pinned to it."""

    name: Name
    participants: Annotated[list[PersonId], Field(max_length=MOST_PEOPLE)] = Field(default_factory=list)
    max_participants: Annotated[int, _whole(1, MOST_PEOPLE)] | None = None

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
    seed: Annotated[int, _whole(-LARGEST_SEED - 1, LARGEST_SEED)] | None = Field(
        default=None, description="Same seed and same participants: same groups. Made at random when not given."
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

    max_seconds: Annotated[int, _whole(60, 86400)] | None = None
    file_name_prefix: Annotated[str, Field(min_length=1, max_length=100), Clean] | None = None


class BreakoutRequest(RequestBody):
    """A breakout: how many rooms, who sits where, and the clock it runs by."""

    name: Name | None = Field(default=None, description='"Breakout n" when not given.')
    rooms: Rooms = Field(default=None, description="A number, a list of names, or a list of rooms.")
    room_size: Annotated[int, _whole(1, 1000)] | None = Field(
        default=None,
        description="Instead of `rooms`: as many rooms of at most this many people as are needed. How many that is "
        "is decided when the groups are dealt (`assignment.deal`).",
    )
    assignment: AssignmentRequest = Field(default_factory=AssignmentRequest)
    duration_seconds: Annotated[int, _whole(10, 86400)] | None = Field(default=None, description="Null: no timer.")
    countdown_seconds: Annotated[int, _whole(0, 600)] = 60
    warn_before_seconds: Annotated[list[Annotated[int, _whole(1, 86400)]], Field(max_length=20)] = Field(
        default_factory=lambda: [300, 60, 10]
    )
    record: StrictBool = False
    recording: RecordingRequest = Field(default_factory=RecordingRequest)
    allow_switch: StrictBool = False
    allow_return: StrictBool = True
    late_join: LateJoin = Field(
        default=LateJoin.LEAST_FILLED,
        description="Where somebody goes who comes after the groups were dealt: to the room with the fewest people, "
        "or nowhere (`main`).",
    )
    on_room_failure: OnRoomFailure = OnRoomFailure.REDISTRIBUTE
    start: Start = "manual"

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

    countdown_seconds: Annotated[int, _whole(0, 600)] | None = Field(
        default=None, description="Instead of the breakout's own."
    )


class BreakoutChange(RequestBody):
    """One change of a breakout."""

    name: Name | None = None
    closes_at: Time | None = Field(default=None, description="While paused it changes what is left.")
    extend_seconds: Annotated[int, _whole(-86400, 86400)] | None = Field(
        default=None, description="Later by so much, or earlier; while paused it changes what is left."
    )
    paused: StrictBool | None = Field(default=None, description="Stops the timer, or lets what is left of it run.")

    @model_validator(mode="after")
    def _just_one(self) -> Self:
        given = self.model_fields_set
        if len(given) != 1 or getattr(self, next(iter(given))) is None:
            raise ValueError("give exactly one of name, closes_at, extend_seconds and paused")
        return self


class RoomChange(RequestBody):
    """A room's new name."""

    name: Name


class SeatChange(RequestBody):
    """The room that somebody is moved to; null: back to the main meeting."""

    room_id: RowId | None


class AckRequest(RequestBody):
    """A browser's word on where it has arrived, and the version of the seat it followed."""

    location: Literal[Location.MAIN, Location.ROOM]
    room_id: RowId | None = None
    version: Annotated[int, _whole(0, LARGEST_COUNTER)]

    @model_validator(mode="after")
    def _room_named(self) -> Self:
        if (self.location is Location.ROOM) != (self.room_id is not None):
            raise ValueError("room_id goes with location room, and only with it")
        return self
