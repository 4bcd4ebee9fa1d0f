"""Bodies of responses about breakouts."""

from datetime import datetime
from typing import Any

from pydantic import Field

from schemas.responses.base import ResponseBody
from schemas.responses.meetings import RoomPresets
from schemas.states import (
    AssignmentMode,
    BreakoutState,
    CloseReason,
    Deal,
    IncludeHosts,
    LateJoin,
    OnRoomFailure,
    PlanState,
    RecordingState,
    Right,
    RoomState,
    SeatState,
    Who,
)


class SeatedPerson(ResponseBody):
    """One person of a room."""

    custom_participant_id: str = Field(description="The caller's own id of the person.")
    name: str = Field(description="What others see.")
    state: SeatState = Field(description="How far they are on their way to this room and home.")
    pinned: bool = Field(description="Whether they were put there by name or by hand, so that no deal moves them.")


class RecordingResponse(ResponseBody):
    """A recording of a room; `error` says why it failed or was skipped. A `paused` one goes on when it is resumed."""

    id: str = Field(description="Our id of the recording.")
    realtimekit_recording_id: str | None = Field(description="Its id at RealtimeKit; null before it is started.")
    state: RecordingState = Field(description="How far it is.")
    paused: bool = Field(default=False, description="Whether it is paused.")
    started_at: datetime | None = Field(description="When it began, as RealtimeKit says; null until then.")
    stopped_at: datetime | None = Field(description="When it ended; null until then.")
    file_name: str | None = Field(
        default=None, description="The file's name, as RealtimeKit says; null until it is known."
    )
    download_url: str | None = Field(description="Where the file can be fetched; null until it is uploaded.")
    expires_at: datetime | None = Field(
        default=None,
        description="When `download_url` ends; a day before `recording.expiring` tells it. Null until then.",
    )
    error: str | None = Field(description="Why it failed or was skipped; null otherwise.")


class RoomRecordingResponse(RecordingResponse):
    """One recording, and the room that it is of."""

    room_id: str = Field(description="Our id of the room.")
    room_name: str = Field(description="The room's name.")


class RoomResponse(ResponseBody):
    """R: one room of a breakout."""

    id: str = Field(description="Our id of the room.")
    index: int = Field(description="Its place among the rooms, from 0.")
    name: str = Field(description="Unique within the breakout.")
    state: RoomState = Field(description="How far it is.")
    max_participants: int | None = Field(description="How many people it takes; null: any number.")
    deleted: bool = Field(description="Whether it was deleted while the breakout was open.")
    realtimekit_meeting_id: str | None = Field(
        description="The id of its meeting at RealtimeKit; null before it is made."
    )
    closes_at: datetime | None = Field(
        description="When it closes: its own end or the breakout's, whichever is first; null without either."
    )
    paused: bool = Field(description="Whether the time until its own end is stopped.")
    remaining_seconds: int | None = Field(
        description="What is left until its own end while that is paused, in seconds; else null."
    )
    participants: list[SeatedPerson] = Field(description="Who is to be there now.")
    facilitators: list[str] = Field(
        description="With `include_hosts: one_per_room` the hosts who are to be there, by `custom_participant_id`."
    )
    recording: RecordingResponse | None = Field(description="Its latest recording; null when there is none.")
    error: str | None = Field(description="Why it failed, or what is tried again; null otherwise.")
    breakout_version: int | None = Field(
        default=None, exclude=True, description="Its breakout's, which is the answer's `ETag`."
    )


class RoomProgress(ResponseBody):
    """Rooms by present state."""

    total: int = Field(default=0, description="How many rooms there are.")
    ready: int = Field(default=0, description="How many wait for the start with everything made.")
    open: int = Field(default=0, description="How many people are told to go to.")
    closed: int = Field(default=0, description="How many are over.")
    failed: int = Field(default=0, description="How many failed.")


class ParticipantProgress(ResponseBody):
    """People with a seat, by present state; `admitted` have a token and were not seen yet."""

    total: int = Field(default=0, description="How many people have, or had, a seat.")
    admitted: int = Field(default=0, description="How many have a token and were not seen yet.")
    joined: int = Field(default=0, description="How many are in their room.")
    returned: int = Field(default=0, description="How many are back.")
    lost: int = Field(default=0, description="How many were told to return and not seen in main.")
    never_joined: int = Field(default=0, description="How many never came.")


class RecordingProgress(ResponseBody):
    """Recordings by present state."""

    total: int = Field(default=0, description="How many recordings there are.")
    recording: int = Field(default=0, description="How many run.")
    stopped: int = Field(default=0, description="How many have ended and are not uploaded yet.")
    uploaded: int = Field(default=0, description="How many can be fetched.")
    failed: int = Field(default=0, description="How many failed.")
    skipped: int = Field(default=0, description="How many nobody needed, because nobody came.")


class Progress(ResponseBody):
    """How far a breakout is."""

    rooms: RoomProgress = Field(description="How far its rooms are.")
    participants: ParticipantProgress = Field(description="How far its people are.")
    recordings: RecordingProgress = Field(description="How far its recordings are.")


class Problem(ResponseBody):
    """Something that went wrong in a breakout, and about whom or what."""

    room_id: str | None = Field(description="The room that it is about; null for none.")
    custom_participant_id: str | None = Field(description="The person whom it is about; null for none.")
    what: str = Field(description="A word that programs may compare.")
    detail: str = Field(description="A sentence for people.")
    at: datetime = Field(description="When it happened.")


class AssignmentResponse(ResponseBody):
    """Who decides where people sit, and when."""

    mode: AssignmentMode = Field(description="`even`, `manual` or `self_select`.")
    seed: int = Field(description="Decides the groups, with the people and the rules.")
    who: Who = Field(
        description="Whom a deal is for: all who are `registered`, or those who are `present` when it is made."
    )
    include_hosts: IncludeHosts = Field(
        description="Whether hosts are dealt out too; `one_per_room`: one to a room, as its facilitator."
    )
    deal: Deal = Field(description="With `at_start` the groups are a preview until it is prepared or starts.")
    together: list[list[str]] = Field(description="Groups of people who sit in the same room.")
    apart: list[list[str]] = Field(description="Groups of people no two of whom sit in the same room.")
    balance_by: list[str] = Field(description="Attributes each value of which is spread over the rooms.")


class RecordingSettings(ResponseBody):
    """How rooms are recorded, when they are."""

    max_seconds: int | None = Field(description="In seconds; null: as long as RealtimeKit allows.")
    file_name_prefix: str | None = Field(
        description="What the name of each file begins with; null: the last twelve digits of the room's id."
    )


class PlanResponse(ResponseBody):
    """How good the groups of a breakout are."""

    state: PlanState = Field(description="`solving` while a task looks for groups that keep the rules, else `ready`.")
    spread: int = Field(description="The people of the largest room less those of the smallest.")
    unbalanced: dict[str, int] = Field(
        description="For each attribute of `balance_by` the largest difference between two rooms in people with the "
        "same value."
    )
    optimal: bool | None = Field(
        description="Whether no better groups are possible, as far as was proven; null where no rules were to be kept."
    )


class BreakoutSummary(ResponseBody):
    """B as it stands in a list: without rooms and unassigned people."""

    id: str = Field(description="Our id of the breakout.")
    meeting_id: str = Field(description="Our id of its meeting.")
    series_id: str | None = Field(description="The series of rounds that it belongs to; null outside a series.")
    round: int | None = Field(description="Its number in the series, from 1; null outside a series.")
    name: str = Field(description="Its name.")
    state: BreakoutState = Field(description="How far it is.")
    seed: int = Field(description="Decides the groups, with the people and the rules.")
    plan: PlanResponse = Field(description="How good its groups are.")
    assignment: AssignmentResponse = Field(description="Who sits where, and who decides that.")
    room_size: int | None = Field(description="People in a room at most; null unless it was given instead of `rooms`.")
    duration_seconds: int | None = Field(
        description="How many seconds it is open before it closes by itself; null: no timer."
    )
    countdown_seconds: int = Field(description="How many seconds people have after closing was announced.")
    warn_before_seconds: list[int] = Field(description="How many seconds before the timer ends browsers are warned.")
    record: bool = Field(description="Whether every room is recorded while people are in it.")
    recording: RecordingSettings = Field(description="How, where `record` is true.")
    allow_switch: Right = Field(
        description="Whether people may choose another room themselves; `preset`: where their preset says so."
    )
    allow_return: Right = Field(
        description="Whether people may go to main themselves; `preset`: where their preset says so."
    )
    late_join: LateJoin = Field(description="Where somebody goes who comes after the groups were dealt.")
    on_room_failure: OnRoomFailure = Field(description="What becomes of people whose room can't be opened.")
    room_presets: RoomPresets = Field(description="The presets that people have in its rooms, where they differ.")
    scheduled_for: datetime | None = Field(
        description="The time asked for; null unless `start` is a time, and again once that time was missed."
    )
    starts_at: datetime | None = Field(
        description="The same while it is scheduled, and when opening began from then on."
    )
    opened_at: datetime | None = Field(description="When every room was open or failed; null until then.")
    closes_at: datetime | None = Field(description="When it closes; null without a timer, and while that is paused.")
    empties_at: datetime | None = Field(description="When people are sent to main; known once it is closing.")
    paused: bool = Field(description="Whether its timer is stopped.")
    remaining_seconds: int | None = Field(
        description="What is left of the timer while it is paused, in seconds; else null."
    )
    closed_at: datetime | None = Field(description="When everybody and everything was accounted for; null until then.")
    close_reason: CloseReason | None = Field(description="Why it closed; null until it is closing.")
    created_at: datetime = Field(description="When it was planned.")
    version: int = Field(description="Counts operators' changes.")
    progress: Progress = Field(description="How far its rooms, people and recordings are.")
    problems: list[Problem] = Field(description="What went wrong, the oldest first.")


class BreakoutResponse(BreakoutSummary):
    """B: a breakout with its rooms."""

    rooms: list[RoomResponse] = Field(description="Its rooms in their order.")
    unassigned: list[str] = Field(description="Whom this breakout could seat and has given no room.")


class CallsResponse(ResponseBody):
    """The calls to RealtimeKit by which a breakout is opened."""

    create: int = Field(description="Meetings made, one for each room.")
    add: int = Field(description="People added to the meeting of their room.")
    record: int = Field(description="Recordings started, one for each room with people where `record` is true.")
    total: int = Field(description="All of them.")


class MoveResponse(ResponseBody):
    """Somebody who goes from one room to another."""

    custom_participant_id: str = Field(description="The caller's own id of the person.")
    from_room_id: str = Field(description="Our id of the room that is dissolved.")
    to_room_id: str = Field(description="Our id of the room to which they go.")


class RebalanceResponse(ResponseBody):
    """Who moves because their room is dissolved."""

    moves: list[MoveResponse] = Field(description="The people of dissolved rooms, the smallest room's first.")


class RehearsalResponse(ResponseBody):
    """What would be planned, and what opening it would take. Nothing was written."""

    breakout: BreakoutResponse = Field(description="B as it would be planned.")
    calls: CallsResponse = Field(description="The writes of opening it; tokens for main are not counted.")
    predicted_seconds: float = Field(description="How many seconds it takes from the start until it is open.")
    conflicts: list[str] = Field(description="What would be 409 or 422 at the start, if it was started now.")


class RoundsResponse(ResponseBody):
    """A series of breakouts."""

    series_id: str = Field(description="`series_id` of each of them.")
    repeated_pairs: int = Field(
        description="How many pairs meet more than once, as the rounds are dealt now. Those who must be `together` do "
        "not count."
    )
    breakouts: list[BreakoutResponse] = Field(description="B of each round, in their order.")


class SkippedRow(ResponseBody):
    """A row of a file that could not be used."""

    line: int = Field(description="The line of the file where the row begins; the header is 1.")
    why: str = Field(description="Why it could not be used.")


class ImportResponse(ResponseBody):
    """The draft that a file has made, and what became of its rows."""

    breakout: BreakoutResponse = Field(description="The draft.")
    rows: int = Field(description="How many rows the file has, without its header and blank ones.")
    used: int = Field(description="How many of them the draft has used.")
    skipped: list[SkippedRow] = Field(description="The others, in the order of the file.")


class EventResponse(ResponseBody):
    """One thing that happened in a breakout; ids count from 1 without a gap."""

    id: int = Field(description="Counts from 1 in each breakout, without a gap.")
    type: str = Field(description="What kind of thing happened.")
    at: datetime = Field(description="When it happened.")
    actor: str = Field(
        description="Who did it: `key:<name>`, `host:<custom_participant_id>`, `participant:<custom_participant_id>`, "
        "`timer`, `realtimekit` (which told it) or `system` (our own tasks).",
        examples=["key:ops"],
    )
    data: dict[str, Any] = Field(description="What it was; the fields depend on the type.")
