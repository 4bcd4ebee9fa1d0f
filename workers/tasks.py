"""The tasks. Each passes its row to one service, which derives from the row what is to be done."""

from collections.abc import Callable

from orchestrator import metrics
from orchestrator.errors import LeaseLost
from orchestrator.services.breakout.operations import step
from orchestrator.services.deps import Deps
from orchestrator.services.meetings.sync import sync
from orchestrator.services.recordings.following import follow
from orchestrator.services.result import Result
from orchestrator.services.rooms.advancing import advance
from orchestrator.services.upkeep.sweep import sweep
from orchestrator.services.webhooks.applying import apply
from orchestrator.store.kinds import KINDS
from schemas.tables import Breakout, Due, Inbox, Meeting, Recording, Room, Sweep
from schemas.tasks import Task
from workers.app import app
from workers.process import deps

Service = Callable[[Deps, str, int], Result]
"""Takes a row's id and the claim number of its message."""

SERVICES: dict[type[Due], Service] = {
    Breakout: step,
    Room: advance,
    Inbox: apply,
    Recording: follow,
    Meeting: sync,
    Sweep: sweep,
}


class Line(Result):
    """A result as Flower shows it: one line, without the quotes of a text."""

    def __repr__(self) -> str:
        return str(self)


def _register(name: Task, service: Service) -> None:
    def task(row_id: str, claim: int) -> Line:
        try:
            result = service(deps(), row_id, claim)
        except LeaseLost as error:
            metrics.LEASES_LOST.labels(name.value).inc()
            result = Result(f"left to another worker, because {error}")
        return Line(result.words, result.quoted)

    task.__doc__ = service.__doc__
    app.task(name=name.value)(task)


for _kind in KINDS:
    for _name in sorted(_kind.tasks):
        _register(_name, SERVICES[_kind.table])
