"""The tasks: each hands its row to one service, which derives from the row what there is to do."""

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator import metrics
from orchestrator.errors import LeaseLost
from orchestrator.services.breakout import recordings, steps
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import sync
from orchestrator.services.rooms import advancing
from orchestrator.services.upkeep import sweep
from orchestrator.services.webhooks import incoming
from schemas.tasks import Task
from workers.app import app
from workers.process import deps

WORK: dict[Task, Callable[[Deps, str, int], str]] = {
    Task.BREAKOUT_PREPARE: steps.step,
    Task.BREAKOUT_OPEN: steps.step,
    Task.BREAKOUT_WARN: steps.step,
    Task.BREAKOUT_CLOSE: steps.step,
    Task.BREAKOUT_FINISH: steps.step,
    Task.BREAKOUT_TIDY: steps.step,
    Task.ROOM_OPEN: advancing.advance,
    Task.ROOM_RECORD: advancing.advance,
    Task.ROOM_CLOSE: advancing.advance,
    Task.RECORDING_FOLLOW: recordings.follow,
    Task.WEBHOOK_APPLY: incoming.apply,
    Task.MEETING_SYNC: sync.sync,
    Task.BREAKOUT_RECONCILE: sweep.sweep,
}


@dataclass(frozen=True)
class Line:
    """A task's result as Flower shows it: one line, without the quotes of a text."""

    words: str

    def __repr__(self) -> str:
        return self.words


def _register(name: Task, work: Callable[[Deps, str, int], str]) -> None:
    def task(row_id: str, claim: int) -> Line:
        try:
            return Line(work(deps(), row_id, claim))
        except LeaseLost as error:
            metrics.LEASES_LOST.labels(name.value).inc()
            return Line(f"left to another worker: {error}")

    task.__doc__ = work.__doc__
    app.task(name=name.value)(task)


for _name, _work in WORK.items():
    _register(_name, _work)
