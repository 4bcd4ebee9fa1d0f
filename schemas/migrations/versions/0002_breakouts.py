"""The tables of breakouts."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from schemas.columns import Json, UtcDateTime
from schemas.migrations.pieces import admission, due, states, when

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = ("seat", "recording", "presence", "room", "event", "solve", "breakout")


def upgrade() -> None:
    """Create the tables."""
    _breakout()
    _breakout_indexes()
    _solve()
    _event()
    _room()
    _presence()
    _recording()
    _seat()


def downgrade() -> None:
    """Drop the tables."""
    for table in TABLES:
        op.drop_table(table)


def _times() -> list[sa.Column[Any]]:
    """Return the columns of the clock by which a breakout runs."""
    return [
        sa.Column("prepare_from", UtcDateTime(), nullable=True),
        sa.Column("scheduled_for", UtcDateTime(), nullable=True),
        sa.Column("starts_at", UtcDateTime(), nullable=True),
        sa.Column("opening_until", UtcDateTime(), nullable=True),
        sa.Column("opened_at", UtcDateTime(), nullable=True),
        sa.Column("own_end", UtcDateTime(), nullable=True),
        sa.Column("parent_ends_at", UtcDateTime(), nullable=True),
        sa.Column("closes_at", UtcDateTime(), nullable=True),
        sa.Column("paused_with_seconds", sa.Float(), nullable=True),
        sa.Column("warned_until", UtcDateTime(), nullable=True),
        sa.Column("empties_at", UtcDateTime(), nullable=True),
        sa.Column("sent_home_at", UtcDateTime(), nullable=True),
        sa.Column("gives_up_at", UtcDateTime(), nullable=True),
        sa.Column("parent_is_reported", sa.Boolean(), nullable=False),
        sa.Column("polls_are_late", sa.Boolean(), nullable=False),
        sa.Column("rooms_look_at", UtcDateTime(), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("names_kept", sa.Boolean(), nullable=False),
        sa.Column("close_reason", states("closereason", "timer", "api", "parent_ended", "aborted"), nullable=True),
    ]


def _times_of_room() -> list[sa.Column[Any]]:
    """Return the columns of a room's own clock."""
    return [
        sa.Column("own_end", UtcDateTime(), nullable=True),
        sa.Column("paused_with_seconds", sa.Float(), nullable=True),
        sa.Column("warned_until", UtcDateTime(), nullable=True),
        sa.Column("close_reason", states("closereason", "timer", "api", "parent_ended", "aborted"), nullable=True),
        sa.Column("empties_at", UtcDateTime(), nullable=True),
        sa.Column("sent_home_at", UtcDateTime(), nullable=True),
        sa.Column("gives_up_at", UtcDateTime(), nullable=True),
    ]


def _owners() -> list[sa.Column[Any]]:
    """Return the columns that name its meeting, and the series that it is a round of."""
    return [
        sa.Column("meeting_id", sa.String(length=36), nullable=False),
        sa.Column("series_id", sa.String(length=36), nullable=True),
        sa.Column("round", sa.Integer(), nullable=True),
        sa.Column("gap_seconds", sa.Integer(), nullable=True),
        sa.Column("awaits_round", sa.Boolean(), nullable=False),
    ]


def _breakout() -> None:
    op.create_table(
        "breakout",
        *due(),
        sa.Column("id", sa.String(length=36), nullable=False),
        *_owners(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column(
            "state",
            states(
                "breakoutstate", "draft", "scheduled", "opening", "open", "closing", "closed", "cancelled", "failed"
            ),
            nullable=False,
        ),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("mode", states("assignmentmode", "even", "manual", "self_select"), nullable=False),
        sa.Column("who", states("who", "registered", "present"), nullable=False),
        sa.Column("include_hosts", Json, nullable=False),
        sa.Column("deal", states("deal", "now", "at_start"), nullable=False),
        sa.Column("deal_is_default", sa.Boolean(), nullable=False),
        sa.Column("dealt_at", UtcDateTime(), nullable=True),
        sa.Column("room_size", sa.Integer(), nullable=True),
        sa.Column("together", Json, nullable=False),
        sa.Column("apart", Json, nullable=False),
        sa.Column("balance_by", Json, nullable=False),
        sa.Column("plan_state", states("planstate", "ready", "solving"), nullable=False),
        sa.Column("plan_optimal", sa.Boolean(), nullable=True),
        sa.Column("continues", sa.String(length=36), nullable=True),
        sa.Column("kept_in_main", Json, nullable=False),
        sa.Column("duration_seconds", sa.Integer(), nullable=True),
        sa.Column("countdown_seconds", sa.Integer(), nullable=False),
        sa.Column("warn_before_seconds", Json, nullable=False),
        sa.Column("record", sa.Boolean(), nullable=False),
        sa.Column("recording_max_seconds", sa.Integer(), nullable=True),
        sa.Column("recording_file_name_prefix", sa.String(), nullable=True),
        sa.Column("allow_switch", Json, nullable=False),
        sa.Column("allow_return", Json, nullable=False),
        sa.Column("late_join", states("latejoin", "least_filled", "main"), nullable=False),
        sa.Column("on_room_failure", states("onroomfailure", "redistribute", "keep", "abort"), nullable=False),
        sa.Column("room_host_preset", sa.String(), nullable=True),
        sa.Column("room_participant_preset", sa.String(), nullable=True),
        *_times(),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", Json, nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["meeting_id"], ["meeting.id"], name=op.f("fk_breakout_meeting_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_breakout")),
        sa.UniqueConstraint("series_id", "round", name=op.f("uq_breakout_series_id_round")),
    )


def _breakout_indexes() -> None:
    with op.batch_alter_table("breakout", schema=None) as batch_op:
        batch_op.create_index(
            "ix_breakout_due_at", ["due_at", "dispatches"], unique=False, **when("due_at IS NOT NULL")
        )
        batch_op.create_index("ix_breakout_meeting_id", ["meeting_id", "id"], unique=False)
        batch_op.create_index(
            "ix_breakout_unfinished",
            ["meeting_id"],
            unique=False,
            **when("state IN ('closing', 'draft', 'open', 'opening', 'scheduled')"),
        )
        batch_op.create_index("ix_breakout_closed_at", ["closed_at"], unique=False, **when("closed_at IS NOT NULL"))
        batch_op.create_index(
            "uq_breakout_live", ["meeting_id"], unique=True, **when("state IN ('closing', 'open', 'opening')")
        )


def _solve() -> None:
    op.create_table(
        "solve",
        *due(),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("at_start", sa.Boolean(), nullable=False),
        sa.Column("earlier", Json, nullable=True),
        sa.Column("is_new", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["breakout.id"], name=op.f("fk_solve_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_solve")),
    )
    with op.batch_alter_table("solve", schema=None) as batch_op:
        batch_op.create_index("ix_solve_due_at", ["due_at", "dispatches"], unique=False, **when("due_at IS NOT NULL"))


def _event() -> None:
    op.create_table(
        "event",
        sa.Column("breakout_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(length=220), nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.ForeignKeyConstraint(["breakout_id"], ["breakout.id"], name=op.f("fk_event_breakout_id")),
        sa.PrimaryKeyConstraint("breakout_id", "number", name=op.f("pk_event")),
    )


def _room() -> None:
    op.create_table(
        "room",
        *due(),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("breakout_id", sa.String(length=36), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column(
            "state",
            states("roomstate", "planned", "preparing", "ready", "open", "closing", "closed", "failed"),
            nullable=False,
        ),
        sa.Column("wanted", states("roomwanted", "nothing", "ready", "open", "closed"), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("max_participants", sa.Integer(), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("dropped", sa.Boolean(), nullable=False),
        *_times_of_room(),
        sa.Column("realtimekit_meeting_id", sa.String(length=64), nullable=True),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("to_check", sa.Boolean(), nullable=False),
        sa.Column("name_at_realtimekit", sa.String(), nullable=True),
        sa.Column("in_doubt_since", UtcDateTime(), nullable=True),
        sa.Column("first_in_doubt_at", UtcDateTime(), nullable=True),
        sa.Column("record", sa.Boolean(), nullable=True),
        sa.Column("has_polls", sa.Boolean(), nullable=False),
        sa.Column("recorded_otherwise", sa.Boolean(), nullable=True),
        sa.Column("polled_at", UtcDateTime(), nullable=True),
        sa.Column("strangers", sa.Integer(), nullable=False),
        sa.Column("retired_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["breakout_id"], ["breakout.id"], name=op.f("fk_room_breakout_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room")),
        sa.UniqueConstraint("key", name=op.f("uq_room_key")),
    )
    with op.batch_alter_table("room", schema=None) as batch_op:
        batch_op.create_index("ix_room_due_at", ["due_at", "dispatches"], unique=False, **when("due_at IS NOT NULL"))
        batch_op.create_index("ix_room_breakout_id", ["breakout_id"], unique=False)
        batch_op.create_index("uq_room_index", ["breakout_id", "index"], unique=True, **when("NOT dropped"))
        batch_op.create_index("uq_room_name", ["breakout_id", "name"], unique=True, **when("NOT dropped"))
        batch_op.create_index("ix_room_realtimekit_meeting_id", ["realtimekit_meeting_id"], unique=False)


def _presence() -> None:
    op.create_table(
        "presence",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("meeting_id", sa.String(length=36), nullable=False),
        sa.Column("participant_id", sa.String(length=36), nullable=False),
        sa.Column("room_id", sa.String(length=36), nullable=True),
        sa.Column("session_id", sa.String(length=64), nullable=True),
        sa.Column("peer_id", sa.String(length=100), nullable=False),
        sa.Column("joined_at", UtcDateTime(), nullable=False),
        sa.Column("left_at", UtcDateTime(), nullable=True),
        sa.Column("left_presumed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["meeting_id"], ["meeting.id"], name=op.f("fk_presence_meeting_id")),
        sa.ForeignKeyConstraint(["participant_id"], ["participant.id"], name=op.f("fk_presence_participant_id")),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_presence_room_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presence")),
        sa.UniqueConstraint("meeting_id", "peer_id", "room_id", name=op.f("uq_presence_meeting_id_peer_id_room_id")),
    )
    with op.batch_alter_table("presence", schema=None) as batch_op:
        batch_op.create_index("ix_presence_in_meeting", ["meeting_id"], unique=False, **when("left_at IS NULL"))
        batch_op.create_index("ix_presence_here", ["participant_id"], unique=False, **when("left_at IS NULL"))
        batch_op.create_index("ix_presence_participant_id", ["participant_id"], unique=False)
        batch_op.create_index("ix_presence_in_room", ["room_id"], unique=False, **when("left_at IS NULL"))
        batch_op.create_index("uq_presence_in_main", ["meeting_id", "peer_id"], unique=True, **when("room_id IS NULL"))
        batch_op.create_index("ix_presence_room_id_participant_id", ["room_id", "participant_id"], unique=False)


def _recording() -> None:
    op.create_table(
        "recording",
        *due(),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("breakout_id", sa.String(length=36), nullable=False),
        sa.Column("room_id", sa.String(length=36), nullable=False),
        sa.Column(
            "state",
            states("recordingstate", "requested", "recording", "stopped", "uploaded", "failed", "skipped"),
            nullable=False,
        ),
        sa.Column("realtimekit_recording_id", sa.String(length=64), nullable=True),
        sa.Column("in_doubt", sa.Boolean(), nullable=False),
        sa.Column("by_host", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("pause_wanted", sa.Boolean(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("stopped_at", UtcDateTime(), nullable=True),
        sa.Column(
            "ended_by",
            states("recordingend", "itself", "given_up", "person", "limit", "refused", "room"),
            nullable=True,
        ),
        sa.Column("replaced", sa.Integer(), nullable=False),
        sa.Column("unrecorded_since", UtcDateTime(), nullable=True),
        sa.Column("file_name", sa.String(), nullable=True),
        sa.Column("download_url", sa.String(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("expiry_is_told", sa.Boolean(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("follow_at", UtcDateTime(), nullable=True),
        sa.Column("follows", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["breakout_id"], ["breakout.id"], name=op.f("fk_recording_breakout_id")),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_recording_room_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording")),
    )
    with op.batch_alter_table("recording", schema=None) as batch_op:
        batch_op.create_index("ix_recording_breakout_id", ["breakout_id"], unique=False)
        batch_op.create_index(
            "ix_recording_due_at", ["due_at", "dispatches"], unique=False, **when("due_at IS NOT NULL")
        )
        batch_op.create_index("ix_recording_realtimekit_recording_id", ["realtimekit_recording_id"], unique=False)
        batch_op.create_index("ix_recording_room_id", ["room_id"], unique=False)
        batch_op.create_index("ix_recording_running", ["room_id"], unique=False, **when("state = 'recording'"))


def _seat() -> None:
    op.create_table(
        "seat",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("breakout_id", sa.String(length=36), nullable=False),
        sa.Column("room_id", sa.String(length=36), nullable=False),
        sa.Column("participant_id", sa.String(length=36), nullable=False),
        sa.Column(
            "state",
            states(
                "seatstate",
                "assigned",
                "admitted",
                "invited",
                "joined",
                "away",
                "returning",
                "returned",
                "never_joined",
                "lost",
            ),
            nullable=False,
        ),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("may_come_back", sa.Boolean(), nullable=False),
        sa.Column("given_up", sa.Boolean(), nullable=False),
        sa.Column("previous_id", sa.String(length=36), nullable=True),
        sa.Column("again_since", UtcDateTime(), nullable=True),
        sa.Column("leave_by", UtcDateTime(), nullable=True),
        sa.Column("being_put_out", sa.Boolean(), nullable=False),
        *admission(),
        sa.Column("error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["breakout_id"], ["breakout.id"], name=op.f("fk_seat_breakout_id")),
        sa.ForeignKeyConstraint(["participant_id"], ["participant.id"], name=op.f("fk_seat_participant_id")),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_seat_room_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seat")),
        sa.UniqueConstraint("room_id", "participant_id", name=op.f("uq_seat_room_id_participant_id")),
    )
    with op.batch_alter_table("seat", schema=None) as batch_op:
        batch_op.create_index("ix_seat_breakout_id", ["breakout_id"], unique=False)
        batch_op.create_index("ix_seat_lost", ["participant_id"], unique=False, **when("state = 'lost'"))
        batch_op.create_index("ix_seat_participant_id", ["participant_id"], unique=False)
        batch_op.create_index("uq_seat_wanted", ["breakout_id", "participant_id"], unique=True, **when("wanted"))
