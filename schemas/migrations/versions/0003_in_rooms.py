"""The tables of what people do in rooms: their stays, polls, and asking for help."""

import sqlalchemy as sa
from alembic import op

from schemas.columns import Json, UtcDateTime
from schemas.migrations.pieces import when

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = ("visit", "room_poll", "help_request")


def upgrade() -> None:
    """Create the tables."""
    _help_request()
    _room_poll()
    _visit()


def downgrade() -> None:
    """Drop the tables."""
    for table in TABLES:
        op.drop_table(table)


def _help_request() -> None:
    op.create_table(
        "help_request",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("breakout_id", sa.String(length=36), nullable=False),
        sa.Column("room_id", sa.String(length=36), nullable=False),
        sa.Column("participant_id", sa.String(length=36), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["breakout_id"], ["breakout.id"], name=op.f("fk_help_request_breakout_id")),
        sa.ForeignKeyConstraint(["participant_id"], ["participant.id"], name=op.f("fk_help_request_participant_id")),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_help_request_room_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_help_request")),
    )
    with op.batch_alter_table("help_request", schema=None) as batch_op:
        batch_op.create_index("ix_help_request_breakout_id", ["breakout_id", "id"], unique=False)
        batch_op.create_index("ix_help_request_participant_id", ["participant_id"], unique=False)
        batch_op.create_index("ix_help_request_room_id", ["room_id"], unique=False)
        batch_op.create_index(
            "uq_help_request_open", ["breakout_id", "participant_id"], unique=True, **when("resolved_at IS NULL")
        )


def _room_poll() -> None:
    op.create_table(
        "room_poll",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("room_id", sa.String(length=36), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("options", Json, nullable=False),
        sa.Column("anonymous", sa.Boolean(), nullable=False),
        sa.Column("hide_votes", sa.Boolean(), nullable=False),
        sa.Column("is_asked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_room_poll_room_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room_poll")),
    )
    with op.batch_alter_table("room_poll", schema=None) as batch_op:
        batch_op.create_index("ix_room_poll_room_id", ["room_id"], unique=False)


def _visit() -> None:
    op.create_table(
        "visit",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("room_id", sa.String(length=36), nullable=False),
        sa.Column("participant_id", sa.String(length=36), nullable=False),
        sa.Column("peer_id", sa.String(length=100), nullable=False),
        sa.Column("joined_at", UtcDateTime(), nullable=False),
        sa.Column("left_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["participant_id"], ["participant.id"], name=op.f("fk_visit_participant_id")),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_visit_room_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
    )
    with op.batch_alter_table("visit", schema=None) as batch_op:
        batch_op.create_index("ix_visit_participant_id", ["participant_id"], unique=False)
        batch_op.create_index("ix_visit_room_id_peer_id", ["room_id", "peer_id"], unique=False)
