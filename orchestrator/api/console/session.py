"""Signing in at the console with an API key, and out."""

import math
from datetime import timedelta

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from orchestrator.api.api_keys import ApiKeys
from orchestrator.api.door import Door
from orchestrator.api.problems import problem
from orchestrator.api.sessions import COOKIE, ConsoleSessions, cookie_of, is_secure
from orchestrator.api.wrong_tries import WrongTries
from orchestrator.errors import Unauthenticated
from orchestrator.services.access import console_sessions
from orchestrator.services.access.api_keys import Credential, key_hash
from orchestrator.services.deps import Deps
from schemas.problems import ProblemCode

WRONG_MOST = 20
WRONG_WITHIN = timedelta(minutes=1)
NO_STORE = {"Cache-Control": "no-store"}

router = APIRouter(prefix="/console/session", include_in_schema=False, route_class=Door)


class SignIn(BaseModel):
    """The body of a sign-in."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    key: str = Field(max_length=1000, description="An API key, of an operator or a viewer.")


def wrong_tries() -> WrongTries:
    """Make the count of wrong keys of one process."""
    return WrongTries(WRONG_MOST, WRONG_WITHIN.total_seconds())


@router.get("")
async def get_session(request: Request) -> Response:
    """Say who is signed in, and what the page needs to know besides. 204: nobody is."""
    sessions: ConsoleSessions = request.app.state.console_sessions
    try:
        hashed = await sessions.key_of(request.scope)
    except Unauthenticated:
        hashed = None
    credential = None if hashed is None else await _credential(request, hashed)
    if credential is None or not credential.is_good:
        return Response(status_code=204, headers=NO_STORE)
    deps: Deps = request.app.state.deps
    shown = {"name": credential.name, "role": credential.role, "flower_url": deps.settings.flower_url or None}
    return JSONResponse(shown, headers=NO_STORE)


@router.post("", status_code=204)
async def sign_in(request: Request, body: SignIn) -> Response:
    """Begin a session, whose cookie counts as the key does. A wrong key is counted by the address that sent it."""
    hashed = key_hash(body.key.strip().encode())
    credential = await _credential(request, hashed)
    if credential is None:
        return _refused(request)
    if not credential.is_good:
        raise Unauthenticated("this API key has expired or was revoked")
    deps: Deps = request.app.state.deps
    session_id = await run_in_threadpool(console_sessions.begin, deps.database, hashed)
    return _with_cookie(request, session_id, console_sessions.LIFETIME)


@router.delete("", status_code=204)
async def sign_out(request: Request) -> Response:
    """End the session, here and in the browser."""
    deps: Deps = request.app.state.deps
    sessions: ConsoleSessions = request.app.state.console_sessions
    if session_id := cookie_of(request.scope):
        if "Authorization" not in request.headers:
            sessions.require_own_page(request.scope)
        await run_in_threadpool(console_sessions.end, deps.database, session_id)
    return _with_cookie(request, "", timedelta())


async def _credential(request: Request, hashed: str) -> Credential | None:
    keys: ApiKeys = request.app.state.api_keys
    return await keys.find(hashed)


def _refused(request: Request) -> Response:
    tries: WrongTries = request.app.state.wrong_sign_ins
    wait = tries.add(request.client.host if request.client else "")
    if wait:
        words = "too many wrong keys from this address: try again later"
        headers = NO_STORE | {"Retry-After": str(max(1, math.ceil(wait)))}
        return problem(429, words, ProblemCode.TOO_MANY_WRONG_KEYS, headers=headers)
    return problem(401, "no such API key is in force", ProblemCode.INVALID_KEY, headers=NO_STORE)


def _with_cookie(request: Request, session_id: str, lifetime: timedelta) -> Response:
    deps: Deps = request.app.state.deps
    response = Response(status_code=204, headers=NO_STORE)
    response.set_cookie(
        COOKIE,
        session_id,
        max_age=int(lifetime.total_seconds()),
        path=deps.settings.root_path or "/",
        secure=is_secure(request.scope, deps.settings),
        httponly=True,
        samesite="strict",
    )
    return response
