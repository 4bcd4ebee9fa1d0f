"""Every error as `application/problem+json` (RFC 9457), also those of the framework; never a traceback."""

import json
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import redis
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from orchestrator.api.access import HEADER, REQUEST_ID
from orchestrator.errors import NotNow, Unauthenticated, UserError
from orchestrator.log import logger
from orchestrator.store.engine import DATABASE_TROUBLE

log = logger(__name__)

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 100
"""A body with thousands of mistakes is answered with the first ones."""
UNPARSED = "There was an error parsing the body"
"""What FastAPI says of a body that is not even text, or nested too deeply."""
MOST_WORDS = 200
"""Of a driver's message, in the log: what is wrong stands at its beginning."""
PAUSE_SECONDS = 2
"""When to come back after trouble of our own."""


def problem(
    status: int, detail: str, *, title: str | None = None, headers: Mapping[str, str] | None = None, **extra: Any
) -> Response:
    """An answer that says what is wrong; `extra` members stand beside the standard ones."""
    body = {"type": "about:blank", "title": title or HTTPStatus(status).phrase, "status": status, "detail": detail}
    text = json.dumps(body | extra, default=str)  # ASCII, so that a lone surrogate of the caller's does no harm
    return Response(text, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def of_user_error(error: UserError) -> Response:
    """The answer to an error that a service raised on purpose."""
    headers = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, NotNow):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    return problem(error.status, error.detail, title=error.title, headers=headers, **error.extra)


def install(app: FastAPI) -> None:
    """Let every error of an application be answered from here."""
    app.add_exception_handler(UserError, _user_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)
    for trouble in (*DATABASE_TROUBLE, redis.RedisError):
        app.add_exception_handler(trouble, _unavailable)
    app.add_exception_handler(Exception, _bug)


async def _user_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, UserError)
    return of_user_error(error)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"loc": list(one["loc"]), "msg": str(one["msg"]).removeprefix("Value error, ")}
        for one in error.errors()[:MOST_ERRORS]
    ]
    first = errors[0] if errors else {"loc": [], "msg": "malformed"}
    return problem(422, f"{'.'.join(map(str, first['loc']))}: {first['msg']}", errors=errors)


async def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.detail == UNPARSED:
        return problem(422, UNPARSED, errors=[{"loc": ["body"], "msg": "malformed JSON"}])
    if error.status_code == 404:
        return problem(404, f"there is nothing at {request.url.path}")
    return problem(error.status_code, str(error.detail), headers=error.headers)


async def _unavailable(_: Request, error: Exception) -> Response:
    words = str(getattr(error, "orig", error))[:MOST_WORDS]  # the driver's, without the statement
    log.warning("part of us is unavailable", error=type(error).__name__, detail=words)
    return problem(503, "the database or the broker is not available", headers={"Retry-After": str(PAUSE_SECONDS)})


async def _bug(request: Request, error: Exception) -> Response:
    """Answered outside of all middleware; the server logs the traceback, for it is raised again once this is sent."""
    log.error("a request failed", error=type(error).__name__)
    headers = {HEADER: request.scope[REQUEST_ID]}
    return problem(500, "this is our mistake; it has been logged", headers=headers)
