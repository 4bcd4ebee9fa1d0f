"""The application: its middleware, its routers, and what starts and stops with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from orchestrator import bootstrap
from orchestrator.api import docs_page, problems
from orchestrator.api.access_log import REQUEST_ID_HEADER, AccessLog, name_route
from orchestrator.api.api_keys import ApiKeys, StoredKeys, bootstrap_keys
from orchestrator.api.auth import Gate
from orchestrator.api.callers import Callers
from orchestrator.api.console import pages, session
from orchestrator.api.console.headers import ConsoleHeaders
from orchestrator.api.crowd.desk import Desk
from orchestrator.api.crowd.holders import Holders
from orchestrator.api.crowd.lane import Lane
from orchestrator.api.head import Head
from orchestrator.api.limits import BodyLimit
from orchestrator.api.mounted import Mounted
from orchestrator.api.no_store import NoStore
from orchestrator.api.openapi.description import describe
from orchestrator.api.routes import (
    attendance,
    breakouts,
    endpoints,
    events,
    meetings,
    metrics,
    operations,
    participants,
    recordings,
    rooms,
    rounds,
    seat,
    sheets,
    talking,
    webhooks,
)
from orchestrator.api.sdk import Sdk
from orchestrator.api.sessions import ConsoleSessions
from orchestrator.api.streams.hub import Hub
from orchestrator.api.streams.stopping import on_stop_signal
from orchestrator.api.tokens import ClientTokens
from orchestrator.api.versions import MATCH_HEADER, TAG_HEADER
from orchestrator.log import announce, configure
from orchestrator.process_settings import Process, read
from orchestrator.realtimekit.signatures import SignatureChecker
from orchestrator.runtime import memory
from orchestrator.services.access import api_keys
from orchestrator.services.deps import Deps
from orchestrator.settings import Settings
from orchestrator.store.write_proof import WriteProof
from orchestrator.version import VERSION

ROUTERS = (
    seat,
    webhooks,
    meetings,
    participants,
    breakouts,
    rooms,
    rounds,
    sheets,
    recordings,
    attendance,
    talking,
    events,
    endpoints,
    operations,
    metrics,
)
"""Those of a crowd are first, because they are looked through in this order."""
NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI's own would put paths into spans, and paths hold callers' ids of people. It would also look for three
providers at each request."""
DESCRIPTION = """\
Splits a live meeting of Cloudflare RealtimeKit into breakout rooms, records them, and brings everyone home.

Operators send `Authorization: Bearer <api key>`; participants' browsers a client token, which is good for `/v1/seat`.
Times are RFC 3339 in UTC. Errors are problem details (RFC 9457).
"""


def create_app(deps: Deps | None = None) -> FastAPI:
    """Make the API over `deps`, or over parts built from the environment (`uvicorn --factory`) and closed with it."""
    if deps is not None:
        return _application(deps, owns_deps=False)
    settings = read(Process.API)
    configure(settings.log_level, settings.log_json)
    announce("api")
    return _application(bootstrap.build(settings), owns_deps=True)


def _application(deps: Deps, *, owns_deps: bool) -> FastAPI:
    keys, tokens = _api_keys(deps), ClientTokens(deps.settings.secrets)
    sessions = ConsoleSessions(deps.database, deps.settings)
    callers = Callers(keys, tokens, Holders(deps.database).find, sessions)
    app = FastAPI(
        title="Breakout orchestrator",
        description=DESCRIPTION,
        version=VERSION,
        lifespan=lambda app: _lifespan(app, deps, callers, owns_deps=owns_deps),
        middleware=_middleware(deps, callers, sessions),
        dependencies=[Depends(name_route)],
        redirect_slashes=False,
        strict_content_type=False,
        docs_url=None,
        redoc_url=None,
        telemetry=NO_TELEMETRY,
    )
    app.state.deps = deps
    app.state.api_keys, app.state.tokens = keys, tokens
    app.state.console_sessions, app.state.wrong_sign_ins = sessions, session.wrong_tries()
    app.state.write_proof = WriteProof(deps.database)
    app.state.registry = metrics.registry_of(deps)
    app.state.signatures = _signatures(deps.settings)
    problems.install(app)
    for module in ROUTERS:
        app.include_router(module.router)
    app.include_router(docs_page.router)
    if deps.settings.console:
        app.include_router(session.router)
        app.include_router(pages.router)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # how FastAPI wants it extended
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI, deps: Deps, callers: Callers, *, owns_deps: bool) -> AsyncIterator[None]:
    app.state.desk = Desk(deps)
    app.state.desk.start()
    app.state.hub = Hub(deps, callers, app.state.desk)
    app.state.hub.start()
    if owns_deps:
        memory.settle()
    with on_stop_signal(app.state.hub.end):
        yield
    await app.state.hub.stop()
    app.state.desk.close()
    if owns_deps:
        deps.close()


def _api_keys(deps: Deps) -> ApiKeys:
    bootstrap = bootstrap_keys(deps.settings.api_keys.get_secret_value())
    database = deps.database
    stored = StoredKeys(lambda: api_keys.by_hash(database), lambda hashed: api_keys.note_use(database, hashed))
    return ApiKeys(bootstrap, stored)


def _signatures(settings: Settings) -> SignatureChecker:
    return SignatureChecker(settings.realtimekit_webhook_keys_url, pinned_key=settings.realtimekit_webhook_public_key)


def _middleware(deps: Deps, callers: Callers, sessions: ConsoleSessions) -> list[Middleware]:
    """Return the middleware, outermost first.

    The module for pages comes before CORS, because it is for all origins, and CORS before the gate, because a preflight
    carries no credentials. Bugs are answered inside of what adds headers. The lane comes before the gate because
    checking a thousand tokens takes time too. The gate comes before the limit because a body counts only once its
    sender is known.
    """
    gate = Middleware(Gate, callers=callers, sessions=sessions)
    origins = deps.settings.cors_origins.split(",") if deps.settings.cors_origins else []
    cors = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=[
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            MATCH_HEADER,
            "Last-Event-ID",
            REQUEST_ID_HEADER,
        ],
        expose_headers=[TAG_HEADER, "Location", "Retry-After", "Idempotency-Replayed", REQUEST_ID_HEADER],
    )
    return [
        Middleware(AccessLog),
        Middleware(Mounted, root_path=deps.settings.root_path),
        Middleware(NoStore),
        *([Middleware(ConsoleHeaders)] if deps.settings.console else []),
        Middleware(Head),
        Middleware(Sdk),
        *([cors] if origins else []),
        Middleware(problems.Bugs),
        Middleware(Lane),
        gate,
        Middleware(BodyLimit),
    ]
