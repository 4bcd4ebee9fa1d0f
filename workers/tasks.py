"""The tasks. Each passes its row to one service, which derives from the row what is to be done."""

from orchestrator.services.result import Result
from orchestrator.store.kinds import KINDS
from schemas.tasks import Task
from workers.app import app
from workers.process import deps
from workers.services import SERVICES, work


class Line(Result):
    """A result as Flower shows it: one line, without the quotes of a text."""

    def __repr__(self) -> str:
        return str(self)


def _register(name: Task, words: str | None) -> None:
    def task(row_id: str, claim: int) -> Line:
        result = work(deps(), name, row_id, claim)
        return Line(result.words, result.quoted)

    task.__doc__ = words
    app.task(name=name.value)(task)


for _kind in KINDS:
    for _name in sorted(_kind.tasks):
        _register(_name, SERVICES[_kind.table].__doc__)
