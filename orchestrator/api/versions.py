"""`ETag` and `If-Match`: two operators at once do not overwrite what they have not seen."""

import re
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Request
from pydantic import BaseModel
from starlette.responses import Response

from orchestrator.api.request_parts import deps_of
from orchestrator.errors import Malformed
from orchestrator.services.deps import Deps
from orchestrator.store.versions import Expected
from schemas.responses import BreakoutResponse, MeetingResponse, RoomResponse
from schemas.tables import Breakout, Meeting

MATCH_HEADER, TAG_HEADER = "If-Match", "ETag"
OWNERS: dict[str, type[Breakout] | type[Meeting]] = {"breakout_id": Breakout, "meeting_id": Meeting}
"""What is compared, by its parameter in the path: the first that the path has."""
TAGGED = {model.__name__ for model in (BreakoutResponse, MeetingResponse, RoomResponse)}
"""The answers that show a version."""
TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
ANY = "*"


@dataclass(frozen=True)
class Change:
    """A request that changes something, and the version on which it rests."""

    deps: Deps
    expected: Expected | None

    def begin(self) -> Deps:
        """Return the parts to change it with, which compare once more under its lock. Raises StaleVersion.

        The endpoint calls this before it asks RealtimeKit, because a stale version goes before what is impossible.
        """
        if self.expected is None:
            return self.deps
        with self.deps.database.glancing() as session:
            self.expected.look(session)
        return replace(self.deps, database=self.deps.database.expecting(self.expected))


async def _change(request: Request) -> Change:
    return Change(deps_of(request), _expected(request))


ChangeHere = Annotated[Change, Depends(_change)]
"""A parameter of every endpoint that changes something and takes no Idempotency-Key."""


def _expected(request: Request) -> Expected | None:
    """Return what `If-Match` says of the breakout in the path, else of the meeting. Raises Malformed."""
    given = ",".join(request.headers.getlist(MATCH_HEADER)).strip()
    owner = next((name for name in OWNERS if name in request.path_params), None)
    if not given or given == ANY or owner is None:
        return None
    versions = frozenset(_version(tag.strip()) for tag in given.split(","))
    return Expected(OWNERS[owner], request.path_params[owner], versions)


def _version(tag: str) -> str:
    found = TAG.fullmatch(tag)
    if found is None:
        raise Malformed(f'{MATCH_HEADER} is * or versions as in {TAG_HEADER}, like "3"', ("header", MATCH_HEADER))
    return found[1]


def version_of(body: BaseModel) -> int | None:
    """Return the version that an answer shows, of a room its breakout's; None for one that has no version."""
    if isinstance(body, RoomResponse):
        return body.breakout_version
    return body.version if isinstance(body, BreakoutResponse | MeetingResponse) else None


def tagged(response: Response, body: BreakoutResponse | MeetingResponse) -> None:
    """Give a response the version that its body shows."""
    response.headers.update(tag_headers(version_of(body)))


def tag_headers(version: int | None) -> dict[str, str]:
    """Return the header that shows a version."""
    return {} if version is None else {TAG_HEADER: f'"{version}"'}
