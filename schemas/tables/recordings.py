"""Recordings of rooms."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index
from sqlmodel import Field

from schemas.columns import UtcDateTime, new_id, state_column
from schemas.states import (
    RecordingEnd,
    RecordingState,
)
from schemas.tables.rows import Due, due_index, when

IS_RECORDED_NOW = f"state = {RecordingState.RECORDING.value!r}"
"""The condition of the index on recordings that run, without those that have ended, which grow for ever."""


class Recording(Due, table=True):
    """One recording of one room. The room's task starts and stops it, and its own task only reads its state."""

    __table_args__: ClassVar[Any] = (
        due_index("recording"),
        Index("ix_recording_breakout_id", "breakout_id"),
        Index("ix_recording_room_id", "room_id"),
        Index("ix_recording_running", "room_id", **when(IS_RECORDED_NOW)),
        Index("ix_recording_realtimekit_recording_id", "realtimekit_recording_id"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    breakout_id: str = Field(foreign_key="breakout.id", max_length=36)
    room_id: str = Field(foreign_key="room.id", max_length=36)
    state: RecordingState = Field(default=RecordingState.REQUESTED, sa_type=state_column(RecordingState))
    realtimekit_recording_id: str | None = Field(default=None, max_length=64)
    in_doubt: bool = False
    """Whether it may have been started without our knowing."""
    by_host: bool = False
    """Whether it runs because a host has started it at RealtimeKit, although its room is not to be recorded."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    paused: bool = False
    pause_wanted: bool | None = None
    """Whether an operator wants it paused, until that is so at RealtimeKit; null: as it is."""
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    stopped_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_by: RecordingEnd | None = Field(default=None, sa_type=state_column(RecordingEnd))
    """None until it has ended and RealtimeKit was asked why."""
    replaced: int = 0
    """How many recordings of its room, up to this one, took the place of one that had ended by itself."""
    unrecorded_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since when nothing is recorded although people are there; None once that is over and was reported."""
    file_name: str | None = None
    download_url: str | None = None
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When `download_url` ends."""
    expiry_is_told: bool = False
    error: str | None = None
    follow_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When RealtimeKit is asked next for the state of the recording."""
    follows: int = 0
    """How often RealtimeKit was asked."""
