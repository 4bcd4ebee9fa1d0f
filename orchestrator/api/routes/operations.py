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
    found = dict[str, str]()
    _report(found, "database", lambda: _database(deps, proof))
    _report(found, "broker", lambda: _broker(deps))
    _report_after(found, ("broker",), "timekeeper", lambda: _timekeeper(deps))
    _report_after(found, ("broker",), "workers", lambda: _workers(deps))
    _report_after(found, tuple(found), "work", lambda: _work(deps))
    failing = [name for name, report in found.items() if report not in ("ok", UNKNOWN)]
    if failing:
        words = f"not ready: {', '.join(failing)}"
        return problem(503, words, ProblemCode.NOT_READY, headers={"Retry-After": "2"}, failing=failing, **found)
    return ReadinessResponse(status="ready", **found)


def _report_after(found: dict[str, str], needed: tuple[str, ...], name: str, check: Callable[[], str]) -> None:
    """Add the report of a check that says something only while the parts that it needs are all right."""
    if all(found[part] == "ok" for part in needed):
        _report(found, name, check)
    else:
        found[name] = UNKNOWN


def _report(found: dict[str, str], name: str, check: Callable[[], str]) -> None:
    """Add the report of a check. The database is at fault wherever it fails: its own check may be a second old."""
    found[name] = UNKNOWN
    try:
        found[name] = check()
    except DatabaseUnavailable as error:
        log.warning("not ready", part=name, error=type(error).__name__, detail=error.reason.words)
        found["database"] = f"unavailable: {error.reason.words}"
    except NotMigrated as error:
        log.warning("not ready", part="database", error=type(error).__name__, detail=str(error))
        found["database"] = "not migrated"
    except Exception as error:
        log.warning("not ready", part=name, error=type(error).__name__)
        found[name] = "unavailable"


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
