"""Columns and conditions that several migrations have in common."""

from typing import Any

import sqlalchemy as sa

from schemas.columns import UtcDateTime


def states(name: str, *values: str) -> sa.Enum:
    """Return the type of a short string with a CHECK on its values."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)


def when(condition: str) -> dict[str, Any]:
    """Return the condition of a partial index, for either database."""
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}


def admission() -> list[sa.Column[Any]]:
    """Return the columns of a person's record in one RealtimeKit meeting, and of their token."""
    return [
        sa.Column("realtimekit_participant_id", sa.String(length=64), nullable=True),
        sa.Column("name_at_realtimekit", sa.String(), nullable=True),
        sa.Column("preset_at_realtimekit", sa.String(), nullable=True),
        sa.Column("auth_token", sa.String(), nullable=True),
        sa.Column("token_made_at", UtcDateTime(), nullable=True),
        sa.Column("token_renew_at", UtcDateTime(), nullable=True),
        sa.Column("token_good_until", UtcDateTime(), nullable=True),
        sa.Column("token_wanted", sa.Boolean(), nullable=False),
        sa.Column("in_doubt", sa.Boolean(), nullable=False),
    ]


def due() -> list[sa.Column[Any]]:
    """Return the columns of the protocol of a row."""
    return [
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("claim", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=120), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("trying_since", UtcDateTime(), nullable=True),
        sa.Column("progressed_at", UtcDateTime(), nullable=True),
        sa.Column("dispatches", sa.Integer(), nullable=False),
    ]
