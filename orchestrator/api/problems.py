"""Every error as `application/problem+json` (RFC 9457), also those of the framework; never a traceback."""

import json
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import redis
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api.suggestions import did_you_mean, names_beside
from orchestrator.errors import NotMigrated, NotNow, TooMany, Unauthenticated, UserError
from orchestrator.log import logger
from orchestrator.store.revision import lacks_something
from orchestrator.store.trouble import DATABASE_TROUBLE
from schemas.problems import ProblemCode

log = logger(__name__)

BUG = "this is our mistake; it has been logged"

MEDIA_TYPE = "application/problem+json"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MAX_ERRORS = 100
"""How many mistakes of one body are listed; a body may contain thousands."""
PARSE_ERROR = "There was an error parsing the body"
"""FastAPI's message for a body that is not valid text, or is nested too deeply."""
UNKNOWN_FIELD = "extra_forbidden"
CODES = {UNKNOWN_FIELD: ProblemCode.UNKNOWN_FIELD, "json_invalid": ProblemCode.NOT_JSON}
"""The codes of mistakes that pydantic and FastAPI call so; any other is MALFORMED."""
MAX_LOGGED_CHARACTERS = 200
"""How much of a driver's message is logged, because its beginning says what is wrong."""
RETRY_AFTER_SECONDS = 2
"""The `Retry-After` while the database or the broker is unavailable."""


def problem(
    status: int,
    detail: str,
    code: ProblemCode,
    *,
    title: str | None = None,
    headers: Mapping[str, str] | None = None,
    **extra: Any,
) -> Response:
    """Return a problem response; `extra` members stand beside the standard ones."""
    body = {"type": "about:blank", "title": title or HTTPStatus(status).phrase, "status": status, "detail": detail}
    body["code"] = code
    text = json.dumps(body | extra, default=str)  # ASCII, because the caller's text may contain a lone surrogate
    return Response(text, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def of_user_error(error: UserError) -> Response:
    """Return the response to an error that a service raised on purpose."""
    headers = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, NotNow | TooMany):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    return problem(error.status, error.detail, error.code, title=error.title, headers=headers, **error.extra)


def install(app: FastAPI) -> None:
    """Register the handlers below for all errors of an application."""
    app.add_exception_handler(UserError, _user_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(ClientDisconnect, _left)
    for trouble in (*DATABASE_TROUBLE, redis.RedisError):
        app.add_exception_handler(trouble, _unavailable)
    app.add_exception_handler(NotMigrated, _other_schema)
    app.add_exception_handler(DBAPIError, _other_schema)


async def _user_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, UserError)
    return of_user_error(error)


async def _left(_: Request, __: Exception) -> Response:
    """Answer nobody, for the log: whoever leaves before the end of their body is no mistake of ours."""
    return problem(400, "the body did not come to its end", ProblemCode.NOT_JSON)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()[:MAX_ERRORS]
    errors = [{"loc": list(one["loc"]), "msg": _message(request, one)} for one in found]
    first = errors[0] if errors else {"loc": [], "msg": "malformed"}
    kinds = {one["type"] for one in found}
    code = CODES.get(next(iter(kinds)), ProblemCode.MALFORMED) if len(kinds) == 1 else ProblemCode.MALFORMED
    return problem(422, f"{'.'.join(map(str, first['loc']))}: {first['msg']}", code, errors=errors)


def _message(request: Request, mistake: Mapping[str, Any]) -> str:
    """Return what is wrong; of an unknown field also which one may have been meant."""
    loc = mistake["loc"]
    if mistake["type"] != UNKNOWN_FIELD:
        return str(mistake["msg"]).removeprefix("Value error, ")
    body = request.scope["route"].body_field
    return f"unknown field{did_you_mean(str(loc[-1]), names_beside(body.field_info.annotation, loc[1:]))}"


async def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.detail == PARSE_ERROR:
        return problem(422, PARSE_ERROR, ProblemCode.NOT_JSON, errors=[{"loc": ["body"], "msg": "malformed JSON"}])
    if error.status_code == 405:
        return _other_method(request)
    if error.status_code == 404:
        return problem(404, f"there is nothing at {request.url.path}", ProblemCode.NOT_FOUND)
    return problem(error.status_code, str(error.detail), ProblemCode.BODY_TOO_LARGE, headers=error.headers)


def _other_method(request: Request) -> Response:
    """Answer a method that the path does not have, with those that it has. `OPTIONS` only asks for these."""
    routes = request.app.router.routes
    allowed = [method for method in METHODS if any(_answers(route, request.scope, method) for route in routes)]
    headers = {"Allow": ", ".join([*allowed, *(["HEAD"] if "GET" in allowed else []), "OPTIONS"])}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=headers)
    return problem(
        405, f"{request.url.path} does not have this method", ProblemCode.METHOD_NOT_ALLOWED, headers=headers
    )


def _answers(route: BaseRoute, scope: Scope, method: str) -> bool:
    return route.matches({**scope, "method": method})[0] is Match.FULL


async def _unavailable(_: Request, error: Exception) -> Response:
    return _later(error, "the database or the broker is not available")


async def _other_schema(_: Request, error: Exception) -> Response:
    """Answer for a database that was not migrated for this release. Any other error is a mistake of ours."""
    if isinstance(error, DBAPIError) and not lacks_something(error):
        raise error
    return _later(error, "the database does not have the schema of this release")


def _later(error: Exception, detail: str) -> Response:
    message = str(getattr(error, "orig", error))[:MAX_LOGGED_CHARACTERS]  # `orig` is without the SQL statement
    log.warning("part of us is unavailable", error=type(error).__name__, detail=message)
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return problem(503, detail, ProblemCode.DATABASE_UNAVAILABLE, headers=headers)


class Bugs:
    """Middleware that answers 500 for an unexpected error, inside of those that add headers to every response.

    It raises the error again, so that the server logs the traceback. Starlette's own handler stands outside of all
    middleware: pages of other origins could not read what it answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        has_begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception as error:
            if scope["type"] == "http" and not has_begun:
                log.error("a request failed", error=type(error).__name__)  # noqa: TRY400 - the server logs the traceback
                await problem(500, BUG, ProblemCode.INTERNAL_ERROR)(scope, receive, send)
            raise
