"""Bodies of requests that change a breakout that exists."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, StrictBool, model_validator

from schemas.fields import Name, RowId, Time, whole
from schemas.requests.base import LARGEST_SEED, MOST_PEOPLE, RequestBody, unchanged_by_default
from schemas.requests.plans import PlanSettings

CLOCK = frozenset({"closes_at", "extend_seconds", "paused"})
"""Changes of the clock of an open breakout or room: one at a time."""


class CloseRequest(RequestBody):
    """How to close a breakout."""

    countdown_seconds: Annotated[int, whole(0, 600)] | None = Field(
        default=None, description="How many seconds people have to come back. Default: the breakout's own."
    )


class BreakoutChange(PlanSettings):
    """Settings of a draft or scheduled breakout; or its name; or one change of an open one's clock.

    Objects are merged field by field, and lists are replaced.
    """

    model_config = ConfigDict(json_schema_extra=unchanged_by_default)

    closes_at: Time | None = Field(
        default=None,
        description="When it closes (RFC 3339); null: without a timer. While paused a time changes what is left. While "
        "it is closing either calls the countdown off.",
    )
    extend_seconds: Annotated[int, whole(-86400, 86400)] | None = Field(
        default=None, description="So many seconds later, or earlier. While paused it changes what is left."
    )
    paused: StrictBool | None = Field(
        default=None, description="True stops the timer, false lets what is left of it run."
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        given = self.model_fields_set
        if not given:
            raise ValueError("give something to change")
        if given & CLOCK and len(given) > 1:
            raise ValueError("give exactly one of closes_at, extend_seconds and paused, and nothing else")
        _require_values(self)
        if "name" in given and self.name is None:
            raise ValueError("a breakout has a name")
        return self

    @property
    def is_of_clock(self) -> bool:
        """Whether it changes the clock of an open breakout."""
        return bool(self.model_fields_set & CLOCK)


def _require_values(change: "BreakoutChange | RoomChange") -> None:
    """Raise ValueError for a change of a clock by nothing; only an end can be taken away by null."""
    for name in ("extend_seconds", "paused"):
        if name in change.model_fields_set and getattr(change, name) is None:
            raise ValueError(f"{name} can't be null")


class CancelRequest(RequestBody):
    """What to cancel."""

    rest_of_series: StrictBool = Field(
        default=False, description="Whether all later rounds are cancelled too, also when this one runs or has ended."
    )


class ShuffleRequest(RequestBody):
    """How to deal people anew."""

    seed: Annotated[int, whole(-LARGEST_SEED - 1, LARGEST_SEED)] | None = Field(
        default=None, description="Same seed and same participants: same groups. Default: one made at random."
    )
    keep_pinned: StrictBool = Field(
        default=True, description="Whether people who were put somewhere by name or by hand stay there."
    )


class NewRoomRequest(RequestBody):
    """A room to add."""

    name: Name = Field(description="Unique within the breakout.")
    max_participants: Annotated[int, whole(1, MOST_PEOPLE)] | None = Field(
        default=None, description="How many people it takes. Default: null, as many as come."
    )


class RoomChange(RequestBody):
    """A room's new name, how many people it takes, and one change of its own clock while it is open."""

    name: Name | None = Field(default=None, description="Unique within the breakout. Default: unchanged.")
    max_participants: Annotated[int, whole(1, MOST_PEOPLE)] | None = Field(
        default=None, description="How many people it takes; null: as many as come. Default: unchanged."
    )
    closes_at: Time | None = Field(
        default=None,
        description="When it closes before its breakout does (RFC 3339); null: with its breakout. While paused a time "
        "changes what is left. Default: unchanged.",
    )
    extend_seconds: Annotated[int, whole(-86400, 86400)] | None = Field(
        default=None, description="Its own end so many seconds later, or earlier. Default: unchanged."
    )
    paused: StrictBool | None = Field(
        default=None,
        description="True stops its own time, false lets what is left of it run. Default: unchanged.",
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give something to change")
        if len(self.model_fields_set & CLOCK) > 1:
            raise ValueError("give at most one of closes_at, extend_seconds and paused")
        _require_values(self)
        if "name" in self.model_fields_set and self.name is None:
            raise ValueError("a room has a name")
        return self


class RebalanceRequest(RequestBody):
    """Which rooms are dissolved into the others."""

    min_room_size: Annotated[int, whole(2, 100)] = Field(
        description="Rooms in which fewer people are than that are dissolved."
    )


class SeatChange(RequestBody):
    """The room that somebody is moved to; null: back to the main meeting."""

    room_id: RowId | None = Field(description="Our id of a room of this breakout; null: back to the main meeting.")
