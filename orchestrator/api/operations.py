"""Whether we are well: for load balancers and whoever watches."""

from collections.abc import Callable

from fastapi import APIRouter, Response
from sqlalchemy import text

from orchestrator.api.common import DepsHere, errors
from orchestrator.api.problems import problem
from orchestrator.log import logger
from orchestrator.services.deps import Deps
from orchestrator.store.broker import TIMEKEEPER_KEY
from schemas.responses import HealthResponse, ReadinessResponse

log = logger(__name__)


router = APIRouter(tags=["operations"])


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> HealthResponse:
    """Always, as long as it answers."""
    return HealthResponse(status="ok")


@router.get("/readyz", response_model=ReadinessResponse, responses=errors(503), summary="Is everything there?")
def readyz(deps: DepsHere) -> ReadinessResponse | Response:
    """503 names what is missing: the database, the broker, or a timekeeper that ticks."""
    parts = {"database": _database, "broker": _broker, "timekeeper": _timekeeper}
    found = {name: _says(name, check, deps) for name, check in parts.items()}
    failing = [name for name, said in found.items() if said != "ok"]
    if failing:
        return problem(503, f"not ready: {', '.join(failing)}", headers={"Retry-After": "2"}, failing=failing, **found)
    return ReadinessResponse(status="ready", **found)


def _says(name: str, check: Callable[[Deps], bool], deps: Deps) -> str:
    try:
        return "ok" if check(deps) else "missing"
    except Exception as error:
        log.warning("not ready", part=name, error=type(error).__name__)
        return "unavailable"


def _database(deps: Deps) -> bool:
    with deps.database.reading() as session:
        return session.connection().execute(text("SELECT count(*) FROM meeting WHERE id = ''")).first() is not None


def _broker(deps: Deps) -> bool:
    return bool(deps.broker.redis.ping())


def _timekeeper(deps: Deps) -> bool:
    return bool(deps.broker.redis.exists(TIMEKEEPER_KEY))
