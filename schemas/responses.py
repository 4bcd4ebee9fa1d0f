"""Bodies of responses. Only `SeatResponse` has a RealtimeKit token, for the one browser that it belongs to."""

from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from schemas.states import (
    AssignmentMode,
    BreakoutState,
    CloseReason,
    Deal,
    LateJoin,
    Location,
    OnRoomFailure,
    RecordingState,
    Role,
    RoomState,
    SeatState,
    Who,
)

Item = TypeVar("Item")


class ResponseBody(BaseModel):
    """The base of all response bodies. Times are aware UTC, and are written as in RFC 3339 with `Z`."""

    model_config = ConfigDict(frozen=True)


class Page(ResponseBody, Generic[Item]):
    """One page of a list; `next_cursor` is null on the last."""

    items: list[Item]
    next_cursor: str | None


class UnregisteredPerson(ResponseBody):
    """Somebody in the main meeting who has no `custom_participant_id`, so that they can't be registered here."""

    realtimekit_participant_id: str = Field(description="The id of their record at RealtimeKit.")
    name: str


class MeetingResponse(ResponseBody):
    """M: a parent meeting."""

    id: str
    realtimekit_meeting_id: str
    title: str
    host_preset: str
    participant_preset: str
    created_at: datetime
    participant_count: int
    present_count: int
    unregistered_present: list[UnregisteredPerson] = Field(
        description="Who is in the main meeting now without a `custom_participant_id`. Others whom the caller's own "
        "backend has added are imported when they are first seen."
    )


class ParticipantResponse(ResponseBody):
    """P+: a person of a meeting, and where they were last seen."""

    id: str
    custom_participant_id: str
    name: str
    role: Role
    preset_name: str | None
    attributes: dict[str, str]
    present: bool = Field(description="In the main meeting or in one of its rooms.")
    location: Location
    room_id: str | None


class ParticipantsResponse(ResponseBody):
    """People in the order in which they were given."""

    participants: list[ParticipantResponse]


class ClientTokenResponse(ResponseBody):
    """A browser's token, good for one person of one meeting and only under /v1/seat."""

    token: str
    expires_at: datetime


class SeatedPerson(ResponseBody):
    """One person of a room."""

    custom_participant_id: str
    name: str
    state: SeatState
    pinned: bool = Field(description="Whether they were put there by name or by hand, so that no deal moves them.")


class RecordingResponse(ResponseBody):
    """A recording of a room; `error` says why it failed or was skipped. A `paused` one goes on when it is resumed."""

    id: str
    realtimekit_recording_id: str | None
    state: RecordingState
    paused: bool = False
    started_at: datetime | None
    stopped_at: datetime | None
    download_url: str | None
    error: str | None


class RoomRecordingResponse(RecordingResponse):
    """One recording, and the room that it is of."""

    room_id: str
    room_name: str


class RoomResponse(ResponseBody):
    """R: one room of a breakout."""

    id: str
    index: int
    name: str
    state: RoomState
    realtimekit_meeting_id: str | None
    closes_at: datetime | None
    participants: list[SeatedPerson]
    recording: RecordingResponse | None
    error: str | None


class RoomProgress(ResponseBody):
    """Rooms by present state."""

    total: int = 0
    ready: int = 0
    open: int = 0
    closed: int = 0
    failed: int = 0


class ParticipantProgress(ResponseBody):
    """People with a seat, by present state; `admitted` have a token and were not seen yet."""

    total: int = 0
    admitted: int = 0
    joined: int = 0
    returned: int = 0
    lost: int = 0
    never_joined: int = 0


class RecordingProgress(ResponseBody):
    """Recordings by present state."""

    total: int = 0
    recording: int = 0
    stopped: int = 0
    uploaded: int = 0
    failed: int = 0
    skipped: int = 0


class Progress(ResponseBody):
    """How far a breakout is."""

    rooms: RoomProgress
    participants: ParticipantProgress
    recordings: RecordingProgress


class Problem(ResponseBody):
    """Something that went wrong in a breakout, and about whom or what."""

    room_id: str | None
    custom_participant_id: str | None
    what: str
    detail: str
    at: datetime


class AssignmentResponse(ResponseBody):
    """Who decides where people sit, and when."""

    mode: AssignmentMode
    seed: int = Field(description="Decides the groups, with the people and the rules.")
    who: Who
    include_hosts: bool
    deal: Deal = Field(description="With `at_start` the groups are a preview until it is prepared or starts.")


class RecordingSettings(ResponseBody):
    """How rooms are recorded, when they are."""

    max_seconds: int | None = Field(description="In seconds; null: as long as RealtimeKit allows.")
    file_name_prefix: str | None


class BreakoutSummary(ResponseBody):
    """B as it stands in a list: without rooms and unassigned people."""

    id: str
    meeting_id: str
    name: str
    state: BreakoutState
    seed: int
    assignment: AssignmentResponse
    room_size: int | None = Field(description="People in a room at most; null unless it was given instead of `rooms`.")
    duration_seconds: int | None
    countdown_seconds: int
    warn_before_seconds: list[int]
    record: bool
    recording: RecordingSettings
    allow_switch: bool
    allow_return: bool
    late_join: LateJoin
    on_room_failure: OnRoomFailure
    scheduled_for: datetime | None = Field(
        description="The time asked for; null unless `start` is a time, and again once that time was missed."
    )
    starts_at: datetime | None = Field(
        description="The same while it is scheduled, and when opening began from then on."
    )
    opened_at: datetime | None
    closes_at: datetime | None
    empties_at: datetime | None = Field(description="When people are sent to main; known once it is closing.")
    paused: bool
    remaining_seconds: int | None = Field(description="What is left of the timer while it is paused.")
    closed_at: datetime | None
    close_reason: CloseReason | None
    created_at: datetime
    version: int = Field(description="Counts operators' changes.")
    progress: Progress
    problems: list[Problem]


class BreakoutResponse(BreakoutSummary):
    """B: a breakout with its rooms."""

    rooms: list[RoomResponse]
    unassigned: list[str] = Field(description="Whom this breakout could seat and has given no room.")


class EventResponse(ResponseBody):
    """One thing that happened in a breakout; ids count from 1 without a gap."""

    id: int
    type: str
    at: datetime
    data: dict[str, Any]


class SeatRoom(ResponseBody):
    """A room that somebody may choose."""

    id: str
    name: str
    participant_count: int


class SeatBreakout(ResponseBody):
    """The breakout that a seat belongs to; `rooms` only where `allow_switch` is true."""

    id: str
    state: BreakoutState
    closes_at: datetime | None
    empties_at: datetime | None
    paused: bool
    rooms: list[SeatRoom] | None


class SeatResponse(ResponseBody):
    """S: where one person should be now; a client that goes wherever this points is correct."""

    version: int
    location: Location
    meeting_id: str
    realtimekit_meeting_id: str
    room_id: str | None
    room_name: str | None
    auth_token: str | None = Field(description="RealtimeKit's token for exactly that meeting.")
    breakout: SeatBreakout | None


class ClosingMessage(ResponseBody):
    """A seat stream's `closing`: when the seats will point to main, from the beginning of the closing."""

    countdown_seconds: int


class WarningMessage(ResponseBody):
    """A seat stream's `warning`: the room closes soon."""

    remaining_seconds: int


class ValidationProblem(ResponseBody):
    """One field of a request that can't be accepted."""

    loc: list[str | int]
    msg: str


class ProblemResponse(ResponseBody):
    """An error as RFC 9457 has it; 422 lists `errors`, 409 names the `state` and what is `allowed` in it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str
    title: str
    status: int
    detail: str
    errors: list[ValidationProblem] | None = None
    state: str | None = None
    allowed: list[str] | None = None


class DeliveryResponse(ResponseBody):
    """A webhook is stored."""

    status: str


class HealthResponse(ResponseBody):
    """The process answers."""

    status: str
    version: str


class ReadinessResponse(ResponseBody):
    """Every part that is needed is there."""

    status: str
    database: str
    broker: str
    timekeeper: str
    workers: str
    work: str
