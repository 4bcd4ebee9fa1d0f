"""Bodies of requests that change a breakout that exists."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, StrictBool, model_validator

from schemas.fields import Name, RowId, Time, whole
from schemas.requests.base import LARGEST_SEED, MOST_PEOPLE, RequestBody, unchanged_by_default
from schemas.requests.plans import PlanSettings

CLOCK = frozenset({"closes_at", "extend_seconds", "paused"})
"""Changes of an open breakout's clock: one at a time, and nothing beside it."""


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
        default=None, description="When it closes (RFC 3339); while paused it changes what is left."
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
        if given & CLOCK and (len(given) > 1 or getattr(self, next(iter(given))) is None):
            raise ValueError("give exactly one of closes_at, extend_seconds and paused, and nothing else")
        if "name" in given and self.name is None:
            raise ValueError("a breakout has a name")
        return self

    @property
    def is_of_clock(self) -> bool:
        """Whether it changes the clock of an open breakout."""
        return bool(self.model_fields_set & CLOCK)


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
    """A room's new name, or, before the start, how many people it takes."""

    name: Name | None = Field(default=None, description="Unique within the breakout. Default: unchanged.")
    max_participants: Annotated[int, whole(1, MOST_PEOPLE)] | None = Field(
        default=None, description="How many people it takes; null: as many as come. Default: unchanged."
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give something to change")
        if "name" in self.model_fields_set and self.name is None:
            raise ValueError("a room has a name")
        return self


class SeatChange(RequestBody):
    """The room that somebody is moved to; null: back to the main meeting."""

    room_id: RowId | None = Field(description="Our id of a room of this breakout; null: back to the main meeting.")
