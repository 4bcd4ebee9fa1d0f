"""The tables. A row that tasks work on is a `Due`, whose columns hold when it is due and who works on it."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, MetaData, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from schemas.columns import Json, UtcDateTime, new_id, state_column
from schemas.states import (
    LIVE,
    AssignmentMode,
    BreakoutState,
    CloseReason,
    Deal,
    FactSource,
    KeyRole,
    LateJoin,
    Location,
    OnRoomFailure,
    RecordingEnd,
    RecordingState,
    Role,
    RoomState,
    RoomWanted,
    SeatState,
    Who,
)

SQLModel.metadata.naming_convention = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
).naming_convention


def _when(condition: str) -> dict[str, Any]:
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


IS_LIVE = f"state IN ({', '.join(repr(state.value) for state in sorted(LIVE))})"
"""The condition of the index on live breakouts. A query uses the index only with the very same condition."""


def _due_index(table: str) -> Index:
    return Index(f"ix_{table}_due_at", "due_at", "dispatches", **_when("due_at IS NOT NULL"))


class Due(SQLModel):
    """The columns of the protocol of a row (orchestrator/store/due.py)."""

    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the row must be looked at next; while it is held, when its lease ends."""
    claim: int = 0
    """Raised by every start: the number that a message carries, and the fence of every write that follows."""
    holder: str | None = Field(default=None, max_length=120)
    """The process that works on the row now."""
    generation: int = 0
    """Raised by every change of what is wanted."""
    tries: int = 0
    """Passes begun since the last recorded progress."""
    trying_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the first of these passes began."""
    progressed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When progress was last recorded. Another room that fails meanwhile fails for reasons of its own."""
    dispatches: int = 0
    """Messages sent since the last start."""


class Meeting(Due, table=True):
    """A parent meeting at RealtimeKit. Its task imports participants, makes their tokens and polls who is where."""

    __table_args__: ClassVar[Any] = (_due_index("meeting"), Index("ix_meeting_key", "key"))

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    title: str
    realtimekit_meeting_id: str = Field(unique=True, max_length=64)
    key: str | None = Field(default=None, max_length=40)
    """The end of its title, if it was made under an Idempotency-Key. Other meetings with this end are surplus."""
    host_preset: str
    participant_preset: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    to_import: bool = False
    """Whether it was adopted and its participants at RealtimeKit have yet to be imported."""
    poll_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it is polled next who is where; only set while a breakout is live."""
    polled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When a poll last showed who is in it."""
    strangers: int = 0
    """How many more RealtimeKit counted there then than were ours."""
    newcomers_from: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Not before then is RealtimeKit asked again who its unregistered people are."""
    look_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When RealtimeKit is asked next whether it and its rooms' meetings are ACTIVE."""
    inactive_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When a look first showed that it is not ACTIVE; null while it is, as far as we know."""
    webhook_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the last webhook about this meeting or one of its rooms was applied."""


class Inbox(Due, table=True):
    """The waiting facts of one parent meeting, as one row to work on."""

    __table_args__: ClassVar[Any] = (_due_index("inbox"),)

    id: str = Field(primary_key=True, foreign_key="meeting.id", max_length=36)


class Sweep(Due, table=True):
    """The search for meetings at RealtimeKit that nobody needs any more, as one row to work on."""

    __table_args__: ClassVar[Any] = (_due_index("sweep"),)

    id: str = Field(primary_key=True, max_length=36)
    page: int = 1
    """The page of RealtimeKit's list of meetings where the search goes on."""
    recordings_asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When a poll last asked which recordings run at RealtimeKit."""


ORPHANS = "orphans"
"""The id of the one row of Sweep, which the migration inserts."""


class Deployment(SQLModel, table=True):
    """What this deployment is known by. The migration inserts its one row."""

    id: str = Field(primary_key=True, max_length=36)
    install: str = Field(max_length=8)
    """Eight random hex digits: they mark what is ours at RealtimeKit and in Redis."""


class Fact(SQLModel, table=True):
    """What somebody outside has said, stored before it is applied: a webhook of RealtimeKit, or a browser's ack.

    A fact whose id is there already is a repetition. An ack is deleted when it is applied; a webhook stays.
    """

    __table_args__: ClassVar[Any] = (
        Index("ix_fact_waiting", "inbox_id", "received_at", **_when("applied_at IS NULL")),
    )

    id: str = Field(primary_key=True, max_length=100)
    """The `rtk-uuid` of a webhook, which a repeated delivery has again. An ack gets an id of ours."""
    inbox_id: str = Field(foreign_key="inbox.id", max_length=36)
    source: FactSource = Field(sa_type=state_column(FactSource))
    payload: str
    """The JSON of the webhook as it was signed, or of the ack (`orchestrator.services.people.acks`)."""
    received_at: datetime = Field(sa_type=UtcDateTime)
    applied_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Admission(SQLModel):
    """What is known of a person's record in one RealtimeKit meeting, and the token that lets them join it."""

    realtimekit_participant_id: str | None = Field(default=None, max_length=64)
    name_at_realtimekit: str | None = None
    """The name that the record was last given, or that RealtimeKit has refused; null when that is not known."""
    preset_at_realtimekit: str | None = None
    """The preset, likewise."""
    auth_token: str | None = None
    """The token, encrypted."""
    token_made_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    token_renew_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """From then on another one is made; null for a token that names no end."""
    token_good_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """From then on no seat shows it, because it ends soon after; null for a token that names no end."""
    token_wanted: bool = False
    """Whether a browser needs a token, or another one; cleared when it is there."""
    in_doubt: bool = False
    """Whether the person may have been added without our knowing."""


class Participant(Admission, table=True):
    """A person of a parent meeting, under the caller's own id, and their admission to it."""

    __table_args__: ClassVar[Any] = (
        UniqueConstraint("meeting_id", "custom_participant_id"),
        Index("ix_participant_token_wanted", "meeting_id", **_when("token_wanted")),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    meeting_id: str = Field(foreign_key="meeting.id", max_length=36)
    custom_participant_id: str = Field(max_length=200)
    name: str
    role: Role = Field(default=Role.PARTICIPANT, sa_type=state_column(Role))
    preset_name: str | None = None
    attributes: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    token_refusals: int = 0
    token_again_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The earliest time of the next request, after `token_refusals` refusals in a row."""
    version: int = 0
    """Raised by every change of what their seat shows."""
    location: Location = Field(default=Location.AWAY, sa_type=state_column(Location))
    location_room_id: str | None = Field(default=None, max_length=36)
    created_at: datetime = Field(sa_type=UtcDateTime)


class Presence(SQLModel, table=True):
    """The last stay of one peer (tab, device) of a person in the parent meeting (`room_id` null) or a room."""

    __table_args__: ClassVar[Any] = (
        UniqueConstraint("meeting_id", "peer_id", "room_id"),
        Index("ix_presence_here", "participant_id", **_when("left_at IS NULL")),
        Index("ix_presence_in_room", "room_id", **_when("left_at IS NULL")),
        Index("ix_presence_room_id_participant_id", "room_id", "participant_id"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    meeting_id: str = Field(foreign_key="meeting.id", max_length=36)
    participant_id: str = Field(foreign_key="participant.id", max_length=36)
    room_id: str | None = Field(default=None, foreign_key="room.id", max_length=36)
    session_id: str | None = Field(default=None, max_length=64)
    peer_id: str = Field(max_length=100)
    """RealtimeKit's peer id, or `ack:…` if only the browser has reported the stay."""
    joined_at: datetime = Field(sa_type=UtcDateTime)
    left_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    left_presumed: bool = False
    """Whether only a poll reported the end, so that a poll that shows the peer again corrects it."""


class UnregisteredPeer(SQLModel, table=True):
    """A connection in the parent meeting of somebody who is not registered here, until they are imported or leave."""

    __table_args__: ClassVar[Any] = (UniqueConstraint("meeting_id", "peer_id"),)
    __tablename__: ClassVar[Any] = "unregistered_peer"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    meeting_id: str = Field(foreign_key="meeting.id", max_length=36)
    peer_id: str = Field(max_length=100)
    session_id: str | None = Field(default=None, max_length=64)
    custom_participant_id: str = Field(max_length=200)
    """Empty for somebody who has none."""
    realtimekit_participant_id: str | None = Field(default=None, max_length=64)
    """The record of somebody without a `custom_participant_id`; null until it is known, and for bots, who have none."""
    name: str
    joined_at: datetime = Field(sa_type=UtcDateTime)
    left_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    looked_for_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When RealtimeKit was asked who this is; null: that is still to be done."""


class Breakout(Due, table=True):
    """One split of a parent meeting into rooms, and the clock it runs by."""

    __table_args__: ClassVar[Any] = (
        _due_index("breakout"),
        Index("ix_breakout_meeting_id", "meeting_id"),
        Index(
            "uq_breakout_live",
            "meeting_id",
            unique=True,
            **_when(IS_LIVE),
        ),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    meeting_id: str = Field(foreign_key="meeting.id", max_length=36)
    name: str
    state: BreakoutState = Field(default=BreakoutState.DRAFT, sa_type=state_column(BreakoutState))
    seed: int = Field(sa_type=BigInteger)
    mode: AssignmentMode = Field(default=AssignmentMode.EVEN, sa_type=state_column(AssignmentMode))
    who: Who = Field(default=Who.REGISTERED, sa_type=state_column(Who))
    include_hosts: bool = False
    deal: Deal = Field(default=Deal.NOW, sa_type=state_column(Deal))
    dealt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When its groups were dealt for good; until then those that are stored are a preview."""
    room_size: int | None = None
    """Rooms of at most so many people are made when the groups are dealt; null: the rooms were named or counted."""
    kept_in_main: list[str] = Field(default_factory=list, sa_type=Json)
    """The ids of people whom an operator has moved to main before the start. Nobody deals them."""
    duration_seconds: int | None = None
    countdown_seconds: int = 60
    warn_before_seconds: list[int] = Field(default_factory=list, sa_type=Json)
    record: bool = False
    recording_max_seconds: int | None = None
    recording_file_name_prefix: str | None = None
    allow_switch: bool = False
    allow_return: bool = True
    late_join: LateJoin = Field(default=LateJoin.LEAST_FILLED, sa_type=state_column(LateJoin))
    on_room_failure: OnRoomFailure = Field(default=OnRoomFailure.REDISTRIBUTE, sa_type=state_column(OnRoomFailure))
    prepare_from: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When rooms and tokens are made ahead of the start; null: at the start."""
    scheduled_for: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The time that was asked for; null for a start by hand, and again once that time was missed."""
    starts_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it is to start, while it is scheduled; when its opening began, from then on."""
    opening_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The deadline of the opening, after which rooms that keep failing are given up."""
    opened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    closes_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    paused_with_seconds: float | None = None
    """What was left of the timer when it was paused; null while it is not paused."""
    warned_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Warnings that were due until then have been given, or came too late."""
    empties_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the seats point to main."""
    sent_home_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the seats were pointed to main; null until then."""
    parent_is_reported: bool = False
    """Whether it was reported that the parent meeting is not ACTIVE."""
    polls_are_late: bool = False
    """Whether it was reported that polls show too late who comes and goes."""
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    close_reason: CloseReason | None = Field(default=None, sa_type=state_column(CloseReason))
    created_at: datetime = Field(sa_type=UtcDateTime)
    version: int = 1
    """The count of operators' changes."""
    events: int = 0
    """The last event's number. It is raised only under this row's lock, so the log has no gaps."""


class Room(Due, table=True):
    """One room: what is wanted of it, and what is known of it at RealtimeKit."""

    __table_args__: ClassVar[Any] = (
        _due_index("room"),
        UniqueConstraint("breakout_id", "index"),
        UniqueConstraint("breakout_id", "name"),
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
    realtimekit_meeting_id: str | None = Field(default=None, max_length=64)
    to_check: bool = False
    """Whether the child meeting may be gone or INACTIVE, so that the next pass asks for it."""
    name_at_realtimekit: str | None = None
    """The room's name that the child meeting's title holds, as far as we know."""
    in_doubt_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the child meeting was last created without a recorded answer."""
    first_in_doubt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When that happened first, to a minute or so; kept although the child meeting was found."""
    polled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When a poll last showed who is in it."""
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
        Index("uq_seat_wanted", "breakout_id", "participant_id", unique=True, **_when("wanted")),
        Index("ix_seat_participant_id", "participant_id"),
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


class Recording(Due, table=True):
    """One recording of one room. The room's task starts and stops it, and its own task only reads its state."""

    __table_args__: ClassVar[Any] = (
        _due_index("recording"),
        Index("ix_recording_breakout_id", "breakout_id"),
        Index("ix_recording_room_id", "room_id"),
        Index("ix_recording_realtimekit_recording_id", "realtimekit_recording_id"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    breakout_id: str = Field(foreign_key="breakout.id", max_length=36)
    room_id: str = Field(foreign_key="room.id", max_length=36)
    state: RecordingState = Field(default=RecordingState.REQUESTED, sa_type=state_column(RecordingState))
    realtimekit_recording_id: str | None = Field(default=None, max_length=64)
    in_doubt: bool = False
    """Whether it may have been started without our knowing."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    paused: bool = False
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    stopped_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_by: RecordingEnd | None = Field(default=None, sa_type=state_column(RecordingEnd))
    """None until it has ended and RealtimeKit was asked why."""
    replaced: int = 0
    """How many recordings of its room, up to this one, took the place of one that had ended by itself."""
    unrecorded_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since when nothing is recorded although people are there; None once that is over and was reported."""
    download_url: str | None = None
    error: str | None = None
    follow_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When RealtimeKit is asked next for the state of the recording."""
    follows: int = 0
    """How often RealtimeKit was asked."""


class Event(SQLModel, table=True):
    """One thing that happened in a breakout, numbered from 1 without gaps."""

    breakout_id: str = Field(primary_key=True, foreign_key="breakout.id", max_length=36)
    number: int = Field(primary_key=True)
    type: str = Field(max_length=40)
    at: datetime = Field(sa_type=UtcDateTime)
    data: dict[str, Any] = Field(sa_type=Json)


class ApiKey(SQLModel, table=True):
    """A key of an operator or a viewer. The key itself was shown once and is stored nowhere."""

    __table_args__: ClassVar[Any] = (Index("uq_api_key_name", "name", unique=True, **_when("revoked_at IS NULL")),)
    __tablename__: ClassVar[Any] = "api_key"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    name: str = Field(max_length=100)
    role: KeyRole = Field(sa_type=state_column(KeyRole))
    key_hash: str = Field(unique=True, max_length=64)
    """SHA-256 of the key, in hex. A key is long and random, so no slower hash is needed."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class IdempotencyKey(SQLModel, table=True):
    """A request with an Idempotency-Key, and its answer once there is one; kept for 24 hours.

    Work on our own tables commits this row together with its answer. Work at RealtimeKit commits it first, pending.
    """

    __table_args__: ClassVar[Any] = (Index("ix_idempotency_key_created_at", "created_at"),)
    __tablename__: ClassVar[Any] = "idempotency_key"

    id: str = Field(primary_key=True, max_length=64)
    """SHA-256 over caller, path and key."""
    body_hash: str = Field(max_length=64)
    created_at: datetime = Field(sa_type=UtcDateTime)
    status: int | None = None
    """The HTTP status of the answer; null while pending."""
    answer: str | None = None
    """The answer's body, encrypted if it holds a token."""
    mark: str | None = Field(default=None, max_length=40)
    """The end of the title of the meeting that a pending request may have made."""
    holder: str | None = Field(default=None, max_length=36)
    """The id of the request that works on it now, made for this row alone."""
    held_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The holder begins no call that could last beyond this."""
    in_doubt_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When an earlier request may have made the meeting without our knowing, at the latest."""
