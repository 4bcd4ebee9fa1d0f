"""The tables of meetings, of their people, and of the deployment."""

import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op

from schemas.columns import Json, UtcDateTime
from schemas.migrations.pieces import admission, due, states, when

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "unregistered_peer",
    "fact",
    "participant",
    "inbox",
    "meeting",
    "console_session",
    "api_key",
    "idempotency_key",
    "sweep",
    "leftover",
    "deployment",
    "preset_rights",
)


def upgrade() -> None:
    """Create the tables."""
    _meeting()
    _inbox()
    _participant()
    _unregistered_peer()
    _fact()
    _api_key()
    _console_session()
    _idempotency_key()
    _sweep()
    _leftover()
    _deployment()
    _preset_rights()


def downgrade() -> None:
    """Drop the tables."""
    for table in TABLES:
        op.drop_table(table)


def _meeting() -> None:
    op.create_table(
        "meeting",
        *due(),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("realtimekit_meeting_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=True),
        sa.Column("tenant", sa.String(length=100), nullable=True),
        sa.Column("host_preset", sa.String(), nullable=False),
        sa.Column("participant_preset", sa.String(), nullable=False),
        sa.Column("room_host_preset", sa.String(), nullable=True),
        sa.Column("room_participant_preset", sa.String(), nullable=True),
        sa.Column("ends_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", Json, nullable=False),
        sa.Column("breakouts", sa.Integer(), nullable=False),
        sa.Column("to_import", sa.Boolean(), nullable=False),
        sa.Column("poll_at", UtcDateTime(), nullable=True),
        sa.Column("polled_at", UtcDateTime(), nullable=True),
        sa.Column("strangers", sa.Integer(), nullable=False),
        sa.Column("newcomers_from", UtcDateTime(), nullable=True),
        sa.Column("look_at", UtcDateTime(), nullable=True),
        sa.Column("inactive_since", UtcDateTime(), nullable=True),
        sa.Column("webhook_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meeting")),
        sa.UniqueConstraint("realtimekit_meeting_id", name=op.f("uq_meeting_realtimekit_meeting_id")),
    )
    with op.batch_alter_table("meeting", schema=None) as batch_op:
        batch_op.create_index("ix_meeting_due_at", ["due_at", "dispatches"], unique=False, **when("due_at IS NOT NULL"))
        batch_op.create_index("ix_meeting_key", ["key"], unique=False)


def _inbox() -> None:
    op.create_table(
        "inbox",
        *due(),
        sa.Column("rests_until", UtcDateTime(), nullable=True),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["meeting.id"], name=op.f("fk_inbox_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
    )
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.create_index("ix_inbox_due_at", ["due_at", "dispatches"], unique=False, **when("due_at IS NOT NULL"))


def _participant() -> None:
    op.create_table(
        "participant",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("meeting_id", sa.String(length=36), nullable=True),
        sa.Column("former_meeting_id", sa.String(length=36), nullable=True),
        sa.Column("custom_participant_id", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", states("role", "host", "participant"), nullable=False),
        sa.Column("preset_name", sa.String(), nullable=True),
        sa.Column("attributes", Json, nullable=False),
        *admission(),
        sa.Column("token_refusals", sa.Integer(), nullable=False),
        sa.Column("token_again_at", UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("token_number", sa.Integer(), nullable=False),
        sa.Column("location", states("location", "main", "room", "away"), nullable=False),
        sa.Column("location_room_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["meeting_id"], ["meeting.id"], name=op.f("fk_participant_meeting_id")),
        sa.ForeignKeyConstraint(["former_meeting_id"], ["meeting.id"], name=op.f("fk_participant_former_meeting_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participant")),
    )
    with op.batch_alter_table("participant", schema=None) as batch_op:
        batch_op.create_index(
            "uq_participant_name",
            ["meeting_id", "custom_participant_id"],
            unique=True,
            **when("meeting_id IS NOT NULL"),
        )
        batch_op.create_index("ix_participant_token_wanted", ["meeting_id"], unique=False, **when("token_wanted"))
        batch_op.create_index(
            "ix_participant_former",
            ["former_meeting_id", "custom_participant_id"],
            unique=False,
            **when("former_meeting_id IS NOT NULL"),
        )


def _unregistered_peer() -> None:
    op.create_table(
        "unregistered_peer",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("meeting_id", sa.String(length=36), nullable=False),
        sa.Column("peer_id", sa.String(length=100), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=True),
        sa.Column("custom_participant_id", sa.String(length=200), nullable=False),
        sa.Column("realtimekit_participant_id", sa.String(length=64), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("joined_at", UtcDateTime(), nullable=False),
        sa.Column("left_at", UtcDateTime(), nullable=True),
        sa.Column("looked_for_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["meeting_id"], ["meeting.id"], name=op.f("fk_unregistered_peer_meeting_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unregistered_peer")),
        sa.UniqueConstraint("meeting_id", "peer_id", name=op.f("uq_unregistered_peer_meeting_id_peer_id")),
    )


def _fact() -> None:
    op.create_table(
        "fact",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("inbox_id", sa.String(length=36), nullable=False),
        sa.Column("source", states("factsource", "webhook", "ack"), nullable=False),
        sa.Column("payload", sa.String(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("applied_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name=op.f("fk_fact_inbox_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fact")),
    )
    with op.batch_alter_table("fact", schema=None) as batch_op:
        batch_op.create_index(
            "ix_fact_waiting", ["inbox_id", "received_at"], unique=False, **when("applied_at IS NULL")
        )


def _api_key() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", states("keyrole", "operator", "viewer"), nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=True),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_key_key_hash")),
    )
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.create_index("uq_api_key_name", ["name"], unique=True, **when("revoked_at IS NULL"))


def _console_session() -> None:
    op.create_table(
        "console_session",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_console_session")),
    )
    with op.batch_alter_table("console_session", schema=None) as batch_op:
        batch_op.create_index("ix_console_session_expires_at", ["expires_at"], unique=False)


def _idempotency_key() -> None:
    op.create_table(
        "idempotency_key",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("about", sa.String(length=36), nullable=True),
        sa.Column("mark", sa.String(length=40), nullable=True),
        sa.Column("holder", sa.String(length=36), nullable=True),
        sa.Column("held_until", UtcDateTime(), nullable=True),
        sa.Column("in_doubt_since", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_key")),
    )
    with op.batch_alter_table("idempotency_key", schema=None) as batch_op:
        batch_op.create_index("ix_idempotency_key_created_at", ["created_at"], unique=False)


def _sweep() -> None:
    key = sa.Column("id", sa.String(length=36), nullable=False)
    page = sa.Column("page", sa.Integer(), nullable=False)
    asked_at: sa.Column[Any] = sa.Column("recordings_asked_at", UtcDateTime(), nullable=True)
    table = op.create_table("sweep", *due(), key, page, asked_at, sa.PrimaryKeyConstraint("id", name=op.f("pk_sweep")))
    op.create_index("ix_sweep_due_at", "sweep", ["due_at", "dispatches"], unique=False, **when("due_at IS NOT NULL"))
    counts = dict.fromkeys(("claim", "generation", "tries", "dispatches"), 0)
    rows = [{"id": row_id, "page": 1, **counts} for row_id in ("orphans", "old names")]
    op.bulk_insert(table, rows)  # due once a timekeeper says so


def _leftover() -> None:
    op.create_table(
        "leftover",
        *due(),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("meeting_id", sa.String(length=36), nullable=False),
        sa.Column("person", sa.String(length=40), nullable=True),
        sa.Column("places", Json, nullable=False),
        sa.Column("rooms", Json, nullable=False),
        sa.Column("words", sa.String(), nullable=True),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leftover")),
    )
    op.create_index(
        "ix_leftover_due_at", "leftover", ["due_at", "dispatches"], unique=False, **when("due_at IS NOT NULL")
    )


def _deployment() -> None:
    table = op.create_table(
        "deployment",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("install", sa.String(length=8), nullable=False),
        sa.Column("hash_key", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment")),
    )
    op.bulk_insert(table, [{"id": "this", "install": secrets.token_hex(4), "hash_key": secrets.token_hex(32)}])


def _preset_rights() -> None:
    op.create_table(
        "preset_rights",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("may_switch", sa.Boolean(), nullable=False),
        sa.Column("may_return", sa.Boolean(), nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_preset_rights")),
    )
