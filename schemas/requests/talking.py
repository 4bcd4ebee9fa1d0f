"""Bodies of requests by which an operator speaks to people in rooms."""

from typing import Annotated

from pydantic import AfterValidator, Field

from schemas.fields import RowId
from schemas.requests.base import MOST_ROOMS, RequestBody
from schemas.states import RecordingAction


def _storable(text: str) -> str:
    """Refuse control characters except line ends and tabs: PostgreSQL stores no NUL, and nobody can see the others."""
    if any(ord(character) < 32 and character not in "\n\r\t" for character in text):
        raise ValueError("must not contain control characters")
    return text


Words = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_storable)]
SomeRooms = Annotated[list[RowId], Field(min_length=1, max_length=MOST_ROOMS)]


class RecordingCommand(RequestBody):
    """What to do with the recording of a room."""

    action: RecordingAction = Field(
        description="`stop` holds until `start`, whoever comes. A room that is started is recorded from then on while "
        "people are there, as with `record: true`. `pause` and `resume` are for one that runs."
    )


class BroadcastRequest(RequestBody):
    """What to say to people in all rooms and in main, or in some rooms alone."""

    text: Words = Field(description="What is said.")
    room_ids: SomeRooms | None = Field(
        default=None, description="Our ids of rooms: only their people hear it. Default: null, everybody."
    )
