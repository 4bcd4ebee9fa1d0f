"""Bodies of requests by which an operator speaks to people in rooms."""

from typing import Annotated

from pydantic import AfterValidator, Field

from schemas.fields import RowId
from schemas.requests.base import MOST_ROOMS, RequestBody


def _storable(text: str) -> str:
    """Refuse control characters except line ends and tabs: PostgreSQL stores no NUL, and nobody can see the others."""
    if any(ord(character) < 32 and character not in "\n\r\t" for character in text):
        raise ValueError("must not contain control characters")
    return text


Words = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_storable)]
SomeRooms = Annotated[list[RowId], Field(min_length=1, max_length=MOST_ROOMS)]


class BroadcastRequest(RequestBody):
    """What to say to people in all rooms and in main, or in some rooms alone."""

    text: Words = Field(description="What is said.")
    room_ids: SomeRooms | None = Field(
        default=None, description="Our ids of rooms: only their people hear it. Default: null, everybody."
    )
