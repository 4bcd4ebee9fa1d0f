"""Health and readiness, for load balancers and monitoring."""

from collections.abc import Callable

from fastapi import APIRouter, Response
from sqlalchemy import text

from orchestrator.api.openapi.responses import errors
from orchestrator.api.parameters import DepsHere
from orchestrator.api.problems import problem
from orchestrator.log import logger
from orchestrator.services.deps import Deps
from orchestrator.services.upkeep import backlog
from orchestrator.version import VERSION
from schemas.responses import HealthResponse, ReadinessResponse

log = logger(__name__)

UNKNOWN = "unknown"
"""The report on `work` while a part that it needs is missing."""

router = APIRouter(tags=["operations"])


@router.get("/healthz", summary="Is the process alive?", description="Always, as long as it answers.")
async def healthz() -> HealthResponse:
    """Answer 200; a process that hangs does not answer."""
    return HealthResponse(status="ok", version=VERSION)


@router.get("/readyz", response_model=ReadinessResponse, responses=errors(503), summary="Is everything there?")
def readyz(deps: DepsHere) -> ReadinessResponse | Response:
    """503 names what is missing: the database, the broker, a timekeeper that ticks, or work that gets done."""
    parts = {"database": _database, "broker": _broker, "timekeeper": _timekeeper}
    found = {name: _report(name, check, deps) for name, check in parts.items()}
    failing = [name for name, report in found.items() if report != "ok"]
    found["work"] = UNKNOWN if failing else _report("work", _work, deps)
    failing += ["work"] if found["work"] not in ("ok", UNKNOWN) else []
    if failing:
        return problem(503, f"not ready: {', '.join(failing)}", headers={"Retry-After": "2"}, failing=failing, **found)
    return ReadinessResponse(status="ready", **found)


def _report(name: str, check: Callable[[Deps], bool | str], deps: Deps) -> str:
    try:
        found = check(deps)
    except Exception as error:
        log.warning("not ready", part=name, error=type(error).__name__)
        return "unavailable"
    return found if isinstance(found, str) else "ok" if found else "missing"


def _database(deps: Deps) -> bool:
    with deps.database.reading() as session:
        return session.connection().execute(text("SELECT count(*) FROM meeting WHERE id = ''")).first() is not None


def _broker(deps: Deps) -> bool:
    return bool(deps.broker.redis.ping())


def _timekeeper(deps: Deps) -> bool:
    return bool(deps.broker.redis.exists(deps.broker.keys.timekeeper))


def _work(deps: Deps) -> bool | str:
    """Return whether due rows get started, or the names of the tables whose rows do not."""
    stuck = backlog.stuck(deps)
    return f"waiting: {', '.join(stuck)}" if stuck else True
