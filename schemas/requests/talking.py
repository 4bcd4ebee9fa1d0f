"""Bodies of requests by which an operator speaks to people in rooms."""

from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool

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


class PollRequest(RequestBody):
    """A poll of RealtimeKit to be made in every live room, or in some."""

    question: Words = Field(description="What is asked.")
    options: Annotated[list[Annotated[Words, Field(max_length=500)]], Field(min_length=2, max_length=100)] = Field(
        description="What may be answered."
    )
    anonymous: StrictBool = Field(default=False, description="Whether nobody sees who has voted.")
    hide_votes: StrictBool = Field(default=False, description="Whether votes are hidden from who has not voted.")
    room_ids: SomeRooms | None = Field(default=None, description="Our ids of rooms. Default: null, every live room.")


class BroadcastRequest(RequestBody):
    """What to say to people in all rooms and in main, or in some rooms alone."""

    text: Words = Field(description="What is said.")
    room_ids: SomeRooms | None = Field(
        default=None, description="Our ids of rooms: only their people hear it. Default: null, everybody."
    )
