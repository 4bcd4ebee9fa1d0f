"""Breakouts, their rooms, who sits where, and what happened."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from schemas.columns import Json, UtcDateTime, new_id, state_column
from schemas.states import (
    LIVE,
    PLANNED,
    AssignmentMode,
    BreakoutState,
    CloseReason,
    Deal,
    IncludeHosts,
    LateJoin,
    OnRoomFailure,
    PlanState,
    Right,
    RoomState,
    RoomWanted,
    SeatState,
    Who,
)
from schemas.tables.admission import Admission
from schemas.tables.rows import Due, due_index, when

IS_LIVE = f"state IN ({', '.join(repr(state.value) for state in sorted(LIVE))})"
"""The condition of the index on live breakouts. A query uses the index only with the very same condition."""
IS_UNFINISHED = f"state IN ({', '.join(repr(state.value) for state in sorted(LIVE | PLANNED))})"
"""The condition of the index on planned and live breakouts, without those that have ended, which grow for ever."""
IS_LOST = f"state = {SeatState.LOST.value!r}"
"""The condition of the index on seats of people who were not seen at home."""


SAME_NAMES = (
    "room_size",
    "duration_seconds",
    "countdown_seconds",
    "warn_before_seconds",
    "record",
    "allow_switch",
    "allow_return",
    "late_join",
    "on_room_failure",
)
"""Settings of a plan that are columns of a breakout, and fields of requests and answers, under the same names."""


class Breakout(Due, table=True):
    """One split of a parent meeting into rooms, and the clock it runs by."""

    __table_args__: ClassVar[Any] = (
        due_index("breakout"),
        Index("ix_breakout_meeting_id", "meeting_id", "id"),
        UniqueConstraint("series_id", "round"),
        Index("ix_breakout_unfinished", "meeting_id", **when(IS_UNFINISHED)),
        Index("ix_breakout_closed_at", "closed_at", **when("closed_at IS NOT NULL")),
        Index(
            "uq_breakout_live",
            "meeting_id",
            unique=True,
            **when(IS_LIVE),
        ),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    meeting_id: str = Field(foreign_key="meeting.id", max_length=36)
    series_id: str | None = Field(default=None, max_length=36)
    round: int | None = None
    """Its number in the series, from 1; null outside a series."""
    gap_seconds: int | None = None
    """How long after the end of the round before it starts; null outside a series."""
    awaits_round: bool = False
    """Whether the end of the round before is to schedule it."""
    name: str
    state: BreakoutState = Field(default=BreakoutState.DRAFT, sa_type=state_column(BreakoutState))
    seed: int = Field(sa_type=BigInteger)
    mode: AssignmentMode = Field(default=AssignmentMode.EVEN, sa_type=state_column(AssignmentMode))
    who: Who = Field(default=Who.REGISTERED, sa_type=state_column(Who))
    include_hosts: IncludeHosts = Field(default=False, sa_type=Json)
    deal: Deal = Field(default=Deal.NOW, sa_type=state_column(Deal))
    deal_is_default: bool = True
    """Whether nobody has said when it is dealt, so that a change of the plan decides that anew."""
    dealt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When its groups were dealt for good; until then those that are stored are a preview."""
    room_size: int | None = None
    """Rooms of at most so many people are made when the groups are dealt; null: the rooms were named or counted."""
    together: list[list[str]] = Field(default_factory=list, sa_type=Json)
    """Groups of people who sit in the same room, by our ids."""
    apart: list[list[str]] = Field(default_factory=list, sa_type=Json)
    """Groups of people no two of whom sit in the same room, by our ids."""
    balance_by: list[str] = Field(default_factory=list, sa_type=Json)
    """Attributes each value of which is spread over the rooms."""
    plan_state: PlanState = Field(default=PlanState.READY, sa_type=state_column(PlanState))
    plan_optimal: bool | None = None
    """Whether the groups are proven to be the best; null where no rules were to be kept."""
    continues: str | None = Field(default=None, max_length=36)
    """The breakout from whose groups a deal starts, to move as few people as possible; null: it deals all anew."""
    kept_in_main: list[str] = Field(default_factory=list, sa_type=Json)
    """The ids of people whom an operator has moved to main before the start. Nobody deals them."""
    duration_seconds: int | None = None
    countdown_seconds: int = 60
    warn_before_seconds: list[int] = Field(default_factory=list, sa_type=Json)
    record: bool = False
    recording_max_seconds: int | None = None
    recording_file_name_prefix: str | None = None
    allow_switch: Right = Field(default=False, sa_type=Json)
    allow_return: Right = Field(default=True, sa_type=Json)
    late_join: LateJoin = Field(default=LateJoin.LEAST_FILLED, sa_type=state_column(LateJoin))
    on_room_failure: OnRoomFailure = Field(default=OnRoomFailure.REDISTRIBUTE, sa_type=state_column(OnRoomFailure))
    room_host_preset: str | None = None
    """The preset of hosts in its rooms; null: that of the meeting's rooms."""
    room_participant_preset: str | None = None
    prepare_from: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When rooms and tokens are made ahead of the start; null: at the start."""
    scheduled_for: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The time that was asked for; null for a start by hand, and again once that time was missed."""
    starts_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it is to start, while it is scheduled; when its opening began, from then on."""
    opening_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The deadline of the opening, after which rooms that keep failing are given up."""
    opened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    own_end: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When its own timer ends; null without one and while paused."""
    parent_ends_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """`ends_at` of its meeting, as far as it has been carried here."""
    closes_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it closes: `own_end`, or earlier so that everybody is told in time for the parent's end; null: paused."""
    paused_with_seconds: float | None = None
    """What was left of the timer when it was paused; null while it is not paused."""
    warned_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Warnings that were due until then have been given, or came too late."""
    empties_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the seats point to main."""
    sent_home_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the seats were pointed to main; null until then."""
    gives_up_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When people who have not been seen in main are given up, later if some were put out late; null until then."""
    rooms_look_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When a room's own clock is due next, or a room that closes by itself; null: no room has either."""
    parent_is_reported: bool = False
    """Whether it was reported that the parent meeting is not ACTIVE."""
    polls_are_late: bool = False
    """Whether it was reported that polls show too late who comes and goes."""
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    names_kept: bool = True
    """Whether it still names its people; not when it ended longer ago than names are kept."""
    close_reason: CloseReason | None = Field(default=None, sa_type=state_column(CloseReason))
    created_at: datetime = Field(sa_type=UtcDateTime)
    version: int = 1
    """The count of operators' changes."""
    changed_at: dict[str, int] = Field(default_factory=dict, sa_type=Json)
    """The version that each field of B got its present value with, where operators have changed it."""
    events: int = 0
    """The last event's number. It is raised only under this row's lock, so the log has no gaps."""


class Solve(Due, table=True):
    """The search for groups that keep the rules of one breakout, whose id it has."""

    __table_args__: ClassVar[Any] = (due_index("solve"),)

    id: str = Field(primary_key=True, foreign_key="breakout.id", max_length=36)
    at_start: bool = False
    """Whether rules that can't be kept are dropped, because the groups are those of a start."""
    earlier: dict[str, Any] | None = Field(default=None, sa_type=Json)
    """The plan before and right after the change that is being solved; null for a new plan that was not changed."""
    is_new: bool = False
    """Whether no groups have been found yet for the plan before that change."""


class Room(Due, table=True):
    """One room: what is wanted of it, and what is known of it at RealtimeKit."""

    __table_args__: ClassVar[Any] = (
        due_index("room"),
        Index("ix_room_breakout_id", "breakout_id"),
        Index("uq_room_index", "breakout_id", "index", unique=True, **when("NOT dropped")),
        Index("uq_room_name", "breakout_id", "name", unique=True, **when("NOT dropped")),
        Index("ix_room_realtimekit_meeting_id", "realtimekit_meeting_id"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    breakout_id: str = Field(foreign_key="breakout.id", max_length=36)
    index: int
    name: str
    state: RoomState = Field(default=RoomState.PLANNED, sa_type=state_column(RoomState))
    wanted: RoomWanted = Field(default=RoomWanted.NOTHING, sa_type=state_column(RoomWanted))
    key: str = Field(unique=True, max_length=40)
    """The end of the child meeting's title, by which it can be found again."""
    max_participants: int | None = None
    deleted: bool = False
    """Whether an operator has deleted it while its breakout was open."""
    dropped: bool = False
    """Whether the plan does without it since it was prepared. Nobody sees it; its meeting is retired."""
    own_end: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it closes by itself, or has; null while it closes with its breakout alone, and while it is paused."""
    paused_with_seconds: float | None = None
    """What was left of its own time when it was paused; null while it is not paused."""
    warned_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Warnings before its own end that were due until then have been given, or came too late."""
    close_reason: CloseReason | None = Field(default=None, sa_type=state_column(CloseReason))
    """Why it closes by itself: its own end, or an operator; null while it does not."""
    empties_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When its seats point to main, if it closes by itself."""
    sent_home_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When its seats were pointed to main because it closes by itself."""
    gives_up_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When its people who have not been seen in main are given up; null once all are accounted for."""
    realtimekit_meeting_id: str | None = Field(default=None, max_length=64)
    kept: bool = False
    """Whether its child meeting was left ACTIVE for a later round, and no room has taken it over yet."""
    to_check: bool = False
    """Whether the child meeting may be gone or INACTIVE, so that the next pass asks for it."""
    name_at_realtimekit: str | None = None
    """The room's name that the child meeting's title holds, as far as we know."""
    in_doubt_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the child meeting was last created without a recorded answer."""
    first_in_doubt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When that happened first, to a minute or so; kept although the child meeting was found."""
    record: bool | None = None
    """Whether it is recorded while people are there, as an operator has said of this room; null: as its breakout is."""
    has_polls: bool = False
    """Whether a poll is to be made in it."""
    recorded_otherwise: bool | None = None
    """Whether it is recorded, where that is not as is wanted; null: as `record` says, or its breakout.

    False: its latest recording has ended so that no other follows, unless people come anew or an operator says. True: a
    host has started one at RealtimeKit.
    """
    polled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When a poll last showed who is in it, or it opened, with nobody in it."""
    strangers: int = 0
    """How many more RealtimeKit counted there then than were ours."""
    retired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = None
    failures: int = 0
    """How many of its present tries have failed although others made progress."""
    failing_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the first of those failed."""


class Seat(Admission, table=True):
    """One person in one room, and their admission to its child meeting.

    A move ends one seat and begins another. A move back begins the earlier one again.
    """

    __table_args__: ClassVar[Any] = (
        UniqueConstraint("room_id", "participant_id"),
        Index("uq_seat_wanted", "breakout_id", "participant_id", unique=True, **when("wanted")),
        Index("ix_seat_participant_id", "participant_id"),
        Index("ix_seat_lost", "participant_id", **when(IS_LOST)),
        Index("ix_seat_breakout_id", "breakout_id"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    breakout_id: str = Field(foreign_key="breakout.id", max_length=36)
    room_id: str = Field(foreign_key="room.id", max_length=36)
    participant_id: str = Field(foreign_key="participant.id", max_length=36)
    state: SeatState = Field(default=SeatState.ASSIGNED, sa_type=state_column(SeatState))
    wanted: bool = True
    pinned: bool = False
    """Whether an operator has put the person there; no later deal moves them."""
    may_come_back: bool = False
    """Whether the person has gone to main from here by themselves, and has been moved nowhere since."""
    given_up: bool = False
    """Whether the person had left before the start. They are dealt a place again if they come."""
    previous_id: str | None = Field(default=None, max_length=36)
    """The seat that this person keeps until the token of this one is there."""
    again_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When this person was last seated here again; null for the first time. Stays that ended before do not count."""
    leave_by: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When a person with another seat by now is put out of this room; null once that is done."""
    being_put_out: bool = False
    """Whether a call that puts this person out of the room may be on its way. They are not invited meanwhile."""
    error: str | None = None


class Event(SQLModel, table=True):
    """One thing that happened in a breakout, numbered from 1 without gaps."""

    breakout_id: str = Field(primary_key=True, foreign_key="breakout.id", max_length=36)
    number: int = Field(primary_key=True)
    type: str = Field(max_length=40)
    at: datetime = Field(sa_type=UtcDateTime)
    actor: str = Field(max_length=220)
    """Who did it. The longest are those of people: the kind of actor before their id."""
    data: dict[str, Any] = Field(sa_type=Json)
