"""Bodies of requests of participants' browsers."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.fields import RowId, whole
from schemas.requests.base import LARGEST_COUNTER, RequestBody
from schemas.states import Location


class AckRequest(RequestBody):
    """A browser's word on where it has arrived, or that its token was refused, and the version of its seat."""

    location: Literal[Location.MAIN, Location.ROOM, "refused"] = Field(
        description="Where it has arrived. `refused`: the token of this version was refused; another follows."
    )
    room_id: RowId | None = Field(
        default=None, description="The room, with the location `room` and only with it. Default: null."
    )
    version: Annotated[int, whole(0, LARGEST_COUNTER)] = Field(description="`version` of the seat that it followed.")

    @model_validator(mode="after")
    def _room_named(self) -> Self:
        if (self.location is Location.ROOM) != (self.room_id is not None):
            raise ValueError("room_id goes with location room, and only with it")
        return self
