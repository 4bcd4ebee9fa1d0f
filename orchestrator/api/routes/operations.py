"""Whether we are well: for load balancers and whoever watches."""

from collections.abc import Callable

from fastapi import APIRouter, Response
from sqlalchemy import text

from orchestrator.api.common import DepsHere, errors
from orchestrator.api.problems import problem
from orchestrator.log import logger
from orchestrator.services.deps import Deps
from orchestrator.services.upkeep import backlog
from orchestrator.store.broker import TIMEKEEPER_KEY
from schemas.responses import HealthResponse, ReadinessResponse

log = logger(__name__)


UNKNOWN = "unknown"
"""What is said of the work while a part is missing without which it can't get done."""

router = APIRouter(tags=["operations"])


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> HealthResponse:
    """Always, as long as it answers."""
    return HealthResponse(status="ok")


@router.get("/readyz", response_model=ReadinessResponse, responses=errors(503), summary="Is everything there?")
def readyz(deps: DepsHere) -> ReadinessResponse | Response:
    """503 names what is missing: the database, the broker, a timekeeper that ticks, or work that gets done."""
    parts = {"database": _database, "broker": _broker, "timekeeper": _timekeeper}
    found = {name: _says(name, check, deps) for name, check in parts.items()}
    failing = [name for name, said in found.items() if said != "ok"]
    found["work"] = UNKNOWN if failing else _says("work", _work, deps)
    failing += ["work"] if found["work"] not in ("ok", UNKNOWN) else []
    if failing:
        return problem(503, f"not ready: {', '.join(failing)}", headers={"Retry-After": "2"}, failing=failing, **found)
    return ReadinessResponse(status="ready", **found)


def _says(name: str, check: Callable[[Deps], bool | str], deps: Deps) -> str:
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
    return bool(deps.broker.redis.exists(TIMEKEEPER_KEY))


def _work(deps: Deps) -> bool | str:
    """Whether what is due gets started; otherwise which tables' rows do not."""
    stuck = backlog.stuck(deps)
    return f"waiting: {', '.join(stuck)}" if stuck else True
