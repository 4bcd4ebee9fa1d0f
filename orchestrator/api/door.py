"""What every endpoint has in common before it runs: who may call it, JSON bodies, known parameters, ids in paths first.

Refusals are decided in this order: 403, 404 for ids in the path, 415, 422, 412. For who may call everything an id is
only looked up when the request would be refused anyway, so that a good request pays nothing.
"""

import json
import re
from collections.abc import Callable, Collection, Coroutine, Iterator
from typing import Any

from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from orchestrator.api.auth import SCOPE_CALLER
from orchestrator.api.callers import Caller
from orchestrator.api.permissions import HOSTS_NEVER_ASK, HOSTS_NEVER_SEND, PERMISSIONS, Who
from orchestrator.api.suggestions import did_you_mean
from orchestrator.errors import Forbidden, Malformed, StaleVersion, UnsupportedMediaType
from orchestrator.services.reach import Reach
from orchestrator.services.views import known
from schemas.problems import ProblemCode

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
OWN_ID = "{custom_participant_id:path}"
ENDINGS = (b"/client-tokens", b"/present")
"""What may stand behind the id of a person of a meeting."""
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
JSON_TYPE = re.compile(r"application/(?:[^/\s]+\+)?json")
"""FastAPI reads no other kind of body as JSON."""
TRUE = frozenset({"1", "on", "t", "true", "y", "yes"})


class Door(APIRoute):
    """A route that refuses what no endpoint of ours takes."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Read a path that ends in a caller's own id, or behind one, which may hold a slash.

        A path that can be read in two ways is read with an ending, and an encoded slash belongs to the id.
        """
        match, child = super().matches(scope)
        if match is not Match.NONE and OWN_ID in self.path:
            raw, ending = scope.get("raw_path") or b"", self.path.rpartition("}")[2].encode()
            if not raw.endswith(ending) or (not ending and raw.endswith(ENDINGS)):
                return Match.NONE, {}
        return match, child

    def get_route_handler(self) -> Handler:
        """Return the handler of a request."""
        endpoint = super().get_route_handler()
        who = {PERMISSIONS.get((method, self.path), Who.KEYS_NOT_HOSTS) for method in self.methods or ()}
        is_for_hosts = who == {Who.KEYS_AND_HOSTS}
        takes_json = "requestBody" not in (self.openapi_extra or {})  # else the endpoint reads its body itself

        async def handle(request: Request) -> Response:
            await _admit(request, is_for_hosts=is_for_hosts)
            try:
                if takes_json and has_body(request):
                    require_json(request)
                require_known_parameters(request, list(_query_names(self.dependant)))
                if takes_json:
                    await self._check_no_body(request)
                return await endpoint(request)
            except (RequestValidationError, HTTPException, Malformed, StaleVersion, UnsupportedMediaType):
                await run_in_threadpool(_require_known_ids, request)
                raise

        return handle

    async def _check_no_body(self, request: Request) -> None:
        """Let an endpoint that takes no body be sent none, or `{}`."""
        if self.body_field is not None or not has_body(request):
            return
        try:
            given = json.loads(await request.body() or b"{}")
        except (ValueError, RecursionError):
            raise Malformed("the body is not JSON", ("body",), ProblemCode.NOT_JSON) from None
        if given != {}:
            raise Malformed("this call takes no body, or {}")


async def _admit(request: Request, *, is_for_hosts: bool) -> None:
    """Let a caller pass for whom not everything exists, or who may not do everything. Raises Unknown, Forbidden."""
    caller: Caller | None = request.scope.get(SCOPE_CALLER)
    if caller is None or caller.reach.is_everything:
        return
    await run_in_threadpool(_require_within, request, caller.reach)
    if not caller.is_host:
        return
    if not is_for_hosts or any(is_true(request.query_params.get(name)) for name in HOSTS_NEVER_ASK):
        raise Forbidden("this is for API keys, not for hosts", ProblemCode.HOSTS_MAY_NOT)
    if request.method in WITH_BODY and HOSTS_NEVER_SEND in await _fields(request):
        raise Forbidden(f"hosts may not set {HOSTS_NEVER_SEND}", ProblemCode.HOSTS_MAY_NOT)


def _require_within(request: Request, reach: Reach) -> None:
    with request.app.state.deps.database.glancing() as session:
        known.require_within(session, _ids(request), reach)


def is_true(text: str | None) -> bool:
    """Return whether a flag in a query is set, as FastAPI reads it."""
    return text is not None and text.lower() in TRUE


async def _fields(request: Request) -> Collection[str]:
    """Return the names of the fields of a body; none for what is not an object of JSON."""
    try:
        given = json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError):
        return ()
    return given.keys() if isinstance(given, dict) else ()


def require_json(request: Request) -> None:
    """Raise UnsupportedMediaType for a body whose `Content-Type` is not JSON. None counts as JSON."""
    content_type = request.headers.get("Content-Type") or "application/json"
    kind = content_type.partition(";")[0].strip().lower()
    if not JSON_TYPE.fullmatch(kind):
        raise UnsupportedMediaType(f"a body is application/json, and not {kind}")


def require_known_parameters(request: Request, names: Collection[str]) -> None:
    """Raise Malformed for a parameter of the query that has none of these names, or a NUL, which no database stores."""
    for name, value in request.query_params.multi_items():
        if name not in names:
            words = f"unknown parameter{did_you_mean(name, names)}"
            raise Malformed(words, ("query", name), ProblemCode.UNKNOWN_PARAMETER)
        if "\x00" in value:
            raise Malformed("must not contain control characters", ("query", name))


def has_body(request: Request) -> bool:
    """Return whether a request announces a body, whatever its method."""
    return request.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in request.headers


def _query_names(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _query_names(inner)


def _require_known_ids(request: Request) -> None:
    if request.path_params:
        with request.app.state.deps.database.glancing() as session:
            known.require(session, _ids(request))


def _ids(request: Request) -> dict[str, str]:
    """Return the ids of a path in a form that databases look for: PostgreSQL refuses NUL, and no id has a control."""
    return {name: value.replace("\x00", "\x01") for name, value in request.path_params.items()}


def router(prefix: str, tag: str, dependencies: list[Depends]) -> APIRouter:
    """Return a router whose endpoints stand behind this door. An operation is called as its function is."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        dependencies=dependencies,
        route_class=Door,
        generate_unique_id_function=operation_id,
    )


def operation_id(route: APIRoute) -> str:
    """Return the name of an endpoint's function as OpenAPI's clients like it: `createBreakout`."""
    first, *rest = route.name.split("_")
    return first + "".join(word.title() for word in rest)
