"""The tables of callers' endpoints and of what is delivered there."""

import sqlalchemy as sa
from alembic import op

from schemas.columns import Json, UtcDateTime
from schemas.migrations.pieces import due, states, when

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = ("delivery", "endpoint_cursor", "endpoint", "outbox")


def upgrade() -> None:
    """Create the tables."""
    _outbox()
    _endpoint()
    _endpoint_cursor()
    _delivery()


def downgrade() -> None:
    """Drop the tables."""
    for table in TABLES:
        op.drop_table(table)


def _owned(table: str, column: str, owner: str) -> sa.ForeignKeyConstraint:
    """Return the key of a row that goes with its owner."""
    name = op.f(f"fk_{table}_{column}")
    return sa.ForeignKeyConstraint([column], [f"{owner}.id"], name=name, ondelete="CASCADE")


def _outbox() -> None:
    op.create_table(
        "outbox",
        *due(),
        sa.Column("id", sa.String(length=36), nullable=False),
        _owned("outbox", "id", "breakout"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_due_at", "outbox", ["due_at", "dispatches"], **when("due_at IS NOT NULL"))


def _endpoint() -> None:
    op.create_table(
        "endpoint",
        *due(),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("events", Json, nullable=True),
        sa.Column("meeting_id", sa.String(length=36), nullable=True),
        sa.Column("tenant", sa.String(length=100), nullable=True),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("old_secrets", Json, nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("deaf", Json, nullable=False),
        sa.Column("failing_since", UtcDateTime(), nullable=True),
        sa.Column("settles_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        _owned("endpoint", "meeting_id", "meeting"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoint")),
    )
    op.create_index("ix_endpoint_due_at", "endpoint", ["due_at", "dispatches"], **when("due_at IS NOT NULL"))
    op.create_index("ix_endpoint_meeting_id", "endpoint", ["meeting_id"])


def _endpoint_cursor() -> None:
    op.create_table(
        "endpoint_cursor",
        sa.Column("endpoint_id", sa.String(length=36), nullable=False),
        sa.Column("breakout_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("ready_at", UtcDateTime(), nullable=True),
        _owned("endpoint_cursor", "endpoint_id", "endpoint"),
        _owned("endpoint_cursor", "breakout_id", "breakout"),
        sa.PrimaryKeyConstraint("endpoint_id", "breakout_id", name=op.f("pk_endpoint_cursor")),
    )
    op.create_index(
        "ix_endpoint_cursor_ready_at", "endpoint_cursor", ["endpoint_id", "ready_at"], **when("ready_at IS NOT NULL")
    )
    op.create_index("ix_endpoint_cursor_breakout_id", "endpoint_cursor", ["breakout_id"])


def _delivery() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("endpoint_id", sa.String(length=36), nullable=False),
        sa.Column("breakout_id", sa.String(length=36), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=220), nullable=True),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("state", states("deliverystate", "pending", "delivered", "failed", "refused"), nullable=False),
        sa.Column("in_line", sa.Boolean(), nullable=False),
        sa.Column("at_once", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("attempts_in_round", sa.Integer(), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        _owned("delivery", "endpoint_id", "endpoint"),
        _owned("delivery", "breakout_id", "breakout"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint(
            "breakout_id", "endpoint_id", "number", name=op.f("uq_delivery_breakout_id_endpoint_id_number")
        ),
    )
    op.create_index("ix_delivery_endpoint_id", "delivery", ["endpoint_id", "id"])
    in_line = ["endpoint_id", "breakout_id", "number"]
    op.create_index("ix_delivery_in_line", "delivery", in_line, **when("in_line"))
    op.create_index("ix_delivery_at_once", "delivery", ["endpoint_id", "next_attempt_at"], **when("at_once"))
    op.create_index("ix_delivery_not_delivered", "delivery", ["state"], **when("state <> 'delivered'"))
