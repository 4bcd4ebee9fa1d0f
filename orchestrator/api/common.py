"""What the routers share: the parts behind them, ids in paths, pages, and the errors they document."""

import re
import unicodedata
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request
from fastapi.security import HTTPBearer
from pydantic import AfterValidator

from orchestrator.api.auth import PERSON
from orchestrator.api.once import Doing, doing, doing_in_secret
from orchestrator.api.tokens import Person
from orchestrator.errors import Unknown
from orchestrator.services.deps import Deps
from schemas.responses import ProblemResponse

Responses = dict[int | str, dict[str, Any]]
"""What FastAPI documents beside an endpoint's usual answer."""
ROW_ID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"

DESCRIPTIONS = {
    400: "Signed, but not JSON.",
    401: "No credentials, or none that this path accepts.",
    403: "The key's role is too weak.",
    404: "Unknown id.",
    409: "The state does not allow it: `state` names it, `allowed` what may be done in it.",
    413: "The body is too large.",
    422: "Malformed or impossible; `errors` says where and why.",
    503: "Not now; repeat after `Retry-After` seconds.",
}

ERROR_SCHEMA = f"#/components/schemas/{ProblemResponse.__name__}"

API_KEY, CLIENT_TOKEN = "API key", "Client token"
KEYS = "Made by `breakouts keys create`, or one of API_KEYS."
OPERATOR = [Depends(HTTPBearer(scheme_name=API_KEY, description=KEYS, auto_error=False))]
BROWSER = [Depends(HTTPBearer(scheme_name=CLIENT_TOKEN, description="Good for one person.", auto_error=False))]
"""For the documentation; orchestrator/api/auth.py has checked before."""


def errors(*statuses: int) -> Responses:
    """The documentation of errors that not every operation of its kind has (orchestrator/api/openapi.py adds those)."""
    return {status: {"model": ProblemResponse, "description": DESCRIPTIONS[status]} for status in statuses}


async def _deps(request: Request) -> Deps:
    deps: Deps = request.app.state.deps
    return deps


async def _person(request: Request) -> Person:
    person: Person = request.scope[PERSON]
    return person


def _row_id(text: str) -> str:
    """An id that can't be one of ours is unknown, whatever the database would think of it."""
    if not re.fullmatch(ROW_ID, text):
        raise Unknown("there is no such id")
    return text


def _custom_id(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise Unknown("there is no such participant")
    return text


DepsHere = Annotated[Deps, Depends(_deps)]
OnceHere = Annotated[Doing, Depends(doing)]
"""For a POST that makes or starts something: it takes an Idempotency-Key and ends in `return doing.once(…)`."""
SecretOnceHere = Annotated[Doing, Depends(doing_in_secret)]
"""The same where the answer holds a token."""
PersonHere = Annotated[Person, Depends(_person)]
MeetingId = Annotated[str, Path(description="Our id of the meeting."), AfterValidator(_row_id)]
BreakoutId = Annotated[str, Path(description="Our id of the breakout."), AfterValidator(_row_id)]
RoomId = Annotated[str, Path(description="Our id of the room."), AfterValidator(_row_id)]
CustomId = Annotated[str, Path(description="The caller's own id of the participant."), AfterValidator(_custom_id)]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
Cursor = Annotated[str | None, Query(pattern=ROW_ID, description="`next_cursor` of the page before.")]
FIRST_LIMIT = 50
