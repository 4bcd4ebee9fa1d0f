"""Parameters that endpoints declare: the process's parts, ids in paths, pages of lists."""

import re
import unicodedata
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import AfterValidator

from orchestrator.api.request_parts import deps_of
from orchestrator.errors import Unknown
from orchestrator.services.deps import Deps
from orchestrator.services.views.pages import Asked
from schemas.problems import ProblemCode

ROW_ID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
DEFAULT_LIMIT = 50


async def _deps(request: Request) -> Deps:
    return deps_of(request)


def _row_id(text: str) -> str:
    """Answer 404 for text that can't be one of our ids, because databases differ in how they treat it."""
    if not re.fullmatch(ROW_ID, text):
        raise Unknown("there is no such id")
    return text


def _custom_id(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise Unknown("there is no such participant", ProblemCode.UNKNOWN_PARTICIPANT)
    return text


DepsHere = Annotated[Deps, Depends(_deps)]
MeetingId = Annotated[str, Path(description="Our id of the meeting."), AfterValidator(_row_id)]
BreakoutId = Annotated[str, Path(description="Our id of the breakout."), AfterValidator(_row_id)]
EndpointId = Annotated[str, Path(description="Our id of the webhook endpoint."), AfterValidator(_row_id)]
DeliveryId = Annotated[str, Path(description="The id of the delivery, its `webhook-id`."), AfterValidator(_row_id)]
RoomId = Annotated[str, Path(description="Our id of the room."), AfterValidator(_row_id)]
HelpId = Annotated[str, Path(description="Our id of the request for help."), AfterValidator(_row_id)]
CustomId = Annotated[str, Path(description="The caller's own id of the participant."), AfterValidator(_custom_id)]


class ListOrder(StrEnum):
    """The order of a list, by creation."""

    ASC = "asc"
    DESC = "desc"


Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
Cursor = Annotated[str | None, Query(pattern=ROW_ID, description="`next_cursor` of the page before.")]
Order = Annotated[ListOrder, Query(description="By creation: `asc`, the oldest first, or `desc`.")]


def _asked(limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None, order: Order = ListOrder.ASC) -> Asked:
    return Asked(limit, cursor, newest_first=order is ListOrder.DESC)


PageHere = Annotated[Asked, Depends(_asked)]
"""The three parameters of every list."""
