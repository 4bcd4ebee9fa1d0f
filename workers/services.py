"""Which service works on the due rows of each table."""

from collections.abc import Callable

from orchestrator import metrics
from orchestrator.errors import LeaseLost
from orchestrator.services.breakout.operations import step
from orchestrator.services.deps import Deps
from orchestrator.services.meetings.leftovers import clear
from orchestrator.services.meetings.sync import sync
from orchestrator.services.planning.solving import solve
from orchestrator.services.recordings.following import follow
from orchestrator.services.result import Result
from orchestrator.services.rooms.advancing import advance
from orchestrator.services.upkeep.sweeps import sweep
from orchestrator.services.webhooks.applying import apply
from orchestrator.services.webhooks.delivering import deliver
from orchestrator.services.webhooks.spreading import spread
from orchestrator.store.kinds import KIND_OF_TASK
from schemas.tables import Breakout, Due, Endpoint, Inbox, Leftover, Meeting, Outbox, Recording, Room, Solve, Sweep
from schemas.tasks import Task

Service = Callable[[Deps, str, int], Result]
"""Takes a row's id and the claim number of its message."""

SERVICES: dict[type[Due], Service] = {
    Breakout: step,
    Room: advance,
    Solve: solve,
    Inbox: apply,
    Recording: follow,
    Meeting: sync,
    Outbox: spread,
    Endpoint: deliver,
    Leftover: clear,
    Sweep: sweep,
}


def work(deps: Deps, name: Task, row_id: str, claim: int) -> Result:
    """Do what a message asks for. A row that was lost to another worker is left to that one."""
    try:
        return SERVICES[KIND_OF_TASK[name].table](deps, row_id, claim)
    except LeaseLost as error:
        metrics.LEASES_LOST.labels(name.value).inc()
        return Result(f"left to another worker, because {error}")
