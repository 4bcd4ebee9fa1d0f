"""The application: its middleware, its routers, and what starts and ends with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from orchestrator import bootstrap
from orchestrator.api import metrics, problems
from orchestrator.api.access import HEADER, Access, name_route
from orchestrator.api.auth import Gate, Keys, StoredKeys, bootstrap_keys
from orchestrator.api.limits import BodyLimit
from orchestrator.api.openapi import describe
from orchestrator.api.routes import breakouts, events, meetings, operations, participants, seat, webhooks
from orchestrator.api.streams.hub import Hub
from orchestrator.api.streams.stopping import on_stop_signal
from orchestrator.api.tokens import ClientTokens
from orchestrator.log import configure, logger
from orchestrator.realtimekit.signatures import SignatureChecker
from orchestrator.runtime import memory
from orchestrator.services.access import api_keys
from orchestrator.services.deps import Deps
from orchestrator.settings import Settings

log = logger(__name__)

ROUTERS = (meetings, participants, breakouts, events, seat, webhooks, operations, metrics)
DESCRIPTION = """\
Splits a live meeting of Cloudflare RealtimeKit into breakout rooms, records them, and brings everyone home.

Operators send `Authorization: Bearer <api key>`; participants' browsers a client token, which is good for `/v1/seat`.
Times are RFC 3339 in UTC. Errors are problem details (RFC 9457).
"""


def create_app(deps: Deps | None = None) -> FastAPI:
    """The API over `deps`; without, over parts of its own, as the environment says (`uvicorn --factory`)."""
    if deps is not None:
        return _application(deps, owns_deps=False)
    settings = Settings()
    configure(settings.log_level, settings.log_json)
    return _application(bootstrap.build(settings), owns_deps=True)


def _application(deps: Deps, *, owns_deps: bool) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.hub = Hub(deps, keys)
        app.state.hub.start()
        if owns_deps:
            memory.settle()
        with on_stop_signal(app.state.hub.end):
            yield
        await app.state.hub.stop()
        if owns_deps:
            _close(deps)

    keys, tokens = _keys(deps), ClientTokens(deps.settings.secrets)
    app = FastAPI(
        title="Breakout orchestrator",
        description=DESCRIPTION,
        version="1",
        lifespan=lifespan,
        middleware=_middleware(deps, keys, tokens),
        dependencies=[Depends(name_route)],
        redirect_slashes=False,
        strict_content_type=False,
        redoc_url=None,
    )
    app.state.deps = deps
    app.state.tokens = tokens
    app.state.registry = metrics.registry_of(deps)
    settings = deps.settings
    app.state.webhook_keys = SignatureChecker(
        settings.realtimekit_webhook_keys_url, pinned_key=settings.realtimekit_webhook_public_key
    )
    problems.install(app)
    for module in ROUTERS:
        app.include_router(module.router)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # how FastAPI wants it extended
    return app


def _keys(deps: Deps) -> Keys:
    bootstrap = bootstrap_keys(deps.settings.api_keys.get_secret_value())
    return Keys(bootstrap, StoredKeys(lambda: api_keys.living(deps.database)))


def _middleware(deps: Deps, keys: Keys, tokens: ClientTokens) -> list[Middleware]:
    """The outermost first: a preflight carries no credentials, and credentials come before the size of a body."""
    gate = Middleware(Gate, keys=keys, tokens=tokens)
    origins = [origin.strip() for origin in deps.settings.cors_origins.split(",") if origin.strip()]
    cors = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", HEADER],
        expose_headers=["Retry-After", "Idempotency-Replayed", HEADER],
    )
    return [Middleware(Access), *([cors] if origins else []), gate, Middleware(BodyLimit)]


def _close(deps: Deps) -> None:
    deps.broker.close()
    deps.realtimekit.close()
    deps.database.close()
