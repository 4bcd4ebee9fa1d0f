"""Facts of breakouts for tables of rules."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.states import BreakoutState

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TIMES = (
    "prepare_from",
    "starts_at",
    "dealt_at",
    "opening_until",
    "closes_at",
    "parent_ends_at",
    "warned_until",
    "empties_at",
    "sent_home_at",
    "gives_up_at",
    "rooms_look_at",
)


@dataclass
class Facts:
    """A breakout's stored facts; a time that is not given is null."""

    state: BreakoutState
    prepare_from: datetime | None = None
    starts_at: datetime | None = None
    dealt_at: datetime | None = NOW
    opening_until: datetime | None = None
    closes_at: datetime | None = None
    parent_ends_at: datetime | None = None
    countdown_seconds: int = 0
    warn_before_seconds: list[int] = field(default_factory=list)
    warned_until: datetime | None = None
    empties_at: datetime | None = None
    sent_home_at: datetime | None = None
    gives_up_at: datetime | None = None
    rooms_look_at: datetime | None = None


def facts(state: BreakoutState, **values: Any) -> Facts:
    """Give a breakout in that state, with its times in seconds from NOW."""
    read: dict[str, Any] = {key: _at(value) if key in TIMES else value for key, value in values.items()}
    return Facts(state, **read)


def _at(seconds: float | None) -> datetime | None:
    return None if seconds is None else NOW + timedelta(seconds=seconds)
