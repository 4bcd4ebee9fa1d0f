"""Health and readiness, for load balancers and monitoring."""

from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from orchestrator.api import door
from orchestrator.api.openapi.responses import errors
from orchestrator.api.parameters import DepsHere
from orchestrator.api.problems import problem
from orchestrator.errors import NotMigrated
from orchestrator.log import logger
from orchestrator.services.deps import Deps
from orchestrator.services.upkeep import backlog
from orchestrator.store.trouble import DatabaseUnavailable
from orchestrator.store.write_proof import WriteProof
from orchestrator.version import VERSION
from schemas.problems import ProblemCode
from schemas.responses import HealthResponse, ReadinessResponse

log = logger(__name__)

UNKNOWN = "unknown"
"""The report on `work` while a part that it needs is missing."""

router = APIRouter(tags=["operations"], generate_unique_id_function=door.operation_id)


@router.get("/healthz", summary="Is the process alive?", description="Always, as long as it answers.")
async def get_health() -> HealthResponse:
    """Answer 200; a process that hangs does not answer."""
    return HealthResponse(status="ok", version=VERSION)


@router.get("/readyz", response_model=ReadinessResponse, responses=errors(503), summary="Is everything there?")
def get_readiness(request: Request, deps: DepsHere) -> ReadinessResponse | Response:
    """503 names what fails: a database or broker that can't be written, nobody at a queue, or work that waits."""
    proof: WriteProof = request.app.state.write_proof
    found = {"database": _report("database", lambda: _database(deps, proof))}
    found["broker"] = _report("broker", lambda: _broker(deps))
    found["timekeeper"] = _after(found, ("broker",), "timekeeper", lambda: _timekeeper(deps))
    found["workers"] = _after(found, ("broker",), "workers", lambda: _workers(deps))
    found["work"] = _after(found, tuple(found), "work", lambda: _work(deps))
    failing = [name for name, report in found.items() if report not in ("ok", UNKNOWN)]
    if failing:
        words = f"not ready: {', '.join(failing)}"
        return problem(503, words, ProblemCode.NOT_READY, headers={"Retry-After": "2"}, failing=failing, **found)
    return ReadinessResponse(status="ready", **found)


def _after(found: dict[str, str], needed: tuple[str, ...], name: str, check: Callable[[], str]) -> str:
    """Return the report of a check that says something only while the parts that it needs are all right."""
    return _report(name, check) if all(found[part] == "ok" for part in needed) else UNKNOWN


def _report(name: str, check: Callable[[], str]) -> str:
    try:
        return check()
    except DatabaseUnavailable as error:
        log.warning("not ready", part=name, error=type(error).__name__, detail=error.reason.words)
        return f"unavailable: {error.reason.words}" if name == "database" else UNKNOWN
    except NotMigrated:
        return "not migrated" if name == "database" else UNKNOWN
    except Exception as error:
        log.warning("not ready", part=name, error=type(error).__name__)
        return "unavailable"


def _database(deps: Deps, proof: WriteProof) -> str:
    assert deps.install
    proof.check()
    return "ok"


def _broker(deps: Deps) -> str:
    deps.broker.redis.ping()  # before its names, which the database keeps
    deps.broker.prove_writing()
    return "ok"


def _timekeeper(deps: Deps) -> str:
    return "ok" if deps.broker.redis.exists(deps.broker.keys.timekeeper) else "missing"


def _workers(deps: Deps) -> str:
    """Return the queues from which no worker takes messages, whether or not any wait there."""
    unserved = deps.broker.unserved()
    return f"missing: {', '.join(unserved)}" if unserved else "ok"


def _work(deps: Deps) -> str:
    """Return the tables whose due rows do not get started."""
    stuck = backlog.stuck(deps)
    return f"waiting: {', '.join(stuck)}" if stuck else "ok"
