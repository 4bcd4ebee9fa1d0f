"""Bodies of requests about series of breakouts."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from schemas.fields import whole
from schemas.requests.plans import PlanSettings

SOURCES = ("rooms", "room_size")


class RoundsRequest(PlanSettings):
    """A series of breakouts with the same settings, in which as few pairs as possible meet twice.

    `assignment.together` and `apart` hold in every round, without the extra `[constraints]`. `start` is the first
    round's.
    """

    rounds: Annotated[int, whole(1, 100)] = Field(description="How many rounds.")
    gap_seconds: Annotated[int, whole(0, 86400)] = Field(
        default=0, description="How many seconds after the end of a round the next one starts. Default: 0."
    )

    @model_validator(mode="before")
    @classmethod
    def _one_source_of_rooms(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and sum(data.get(name) is not None for name in SOURCES) != 1:
            raise ValueError(f"give exactly one of {', '.join(SOURCES)}")
        return data

    @model_validator(mode="after")
    def _can_be_dealt(self) -> Self:
        if self.from_breakout is not None:
            raise ValueError("rounds take rooms or room_size, and not from_breakout")
        if self.assignment.balance_by:
            raise ValueError("rounds take no assignment.balance_by: they are dealt by who has met")
        return self
