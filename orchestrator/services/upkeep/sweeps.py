"""The sweeps: what each of them looks for, and when it is due."""

from orchestrator.services.deps import Deps
from orchestrator.services.result import Result
from orchestrator.services.upkeep import retention
from orchestrator.services.upkeep import sweep as orphans
from schemas.tables import ORPHANS


def plan(deps: Deps) -> None:
    """Plan all sweeps, when a timekeeper starts. From then on the row of each holds when it is due."""
    orphans.plan(deps)
    retention.plan(deps)


def sweep(deps: Deps, row_id: str, claim: int) -> Result:
    """Do one pass of a sweep. This is the task of both."""
    return orphans.sweep(deps, row_id, claim) if row_id == ORPHANS else retention.forget(deps, row_id, claim)
