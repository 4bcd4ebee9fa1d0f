"""Bodies of requests that change a breakout that exists."""

from typing import Annotated, Self

from pydantic import Field, StrictBool, model_validator

from schemas.fields import Name, RowId, Time, whole
from schemas.requests.base import RequestBody


class CloseRequest(RequestBody):
    """How to close a breakout."""

    countdown_seconds: Annotated[int, whole(0, 600)] | None = Field(
        default=None, description="How many seconds people have to come back. Default: the breakout's own."
    )


class BreakoutChange(RequestBody):
    """One change of a breakout."""

    name: Name | None = Field(default=None, description="Its new name. Default: unchanged.")
    closes_at: Time | None = Field(
        default=None, description="When it closes (RFC 3339); while paused it changes what is left. Default: unchanged."
    )
    extend_seconds: Annotated[int, whole(-86400, 86400)] | None = Field(
        default=None,
        description="So many seconds later, or earlier. While paused it changes what is left. Default: null.",
    )
    paused: StrictBool | None = Field(
        default=None, description="True stops the timer, false lets what is left of it run. Default: unchanged."
    )

    @model_validator(mode="after")
    def _just_one(self) -> Self:
        given = self.model_fields_set
        if len(given) != 1 or getattr(self, next(iter(given))) is None:
            raise ValueError("give exactly one of name, closes_at, extend_seconds and paused")
        return self


class RoomChange(RequestBody):
    """A room's new name."""

    name: Name = Field(description="Unique within the breakout.")


class SeatChange(RequestBody):
    """The room that somebody is moved to; null: back to the main meeting."""

    room_id: RowId | None = Field(description="Our id of a room of this breakout; null: back to the main meeting.")
