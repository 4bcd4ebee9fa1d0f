"""The order in which a worker takes messages from its queues: the urgent ones get more, and none waits for ever."""

from collections.abc import Iterable, Mapping

from schemas.tasks import WEIGHTS

SHARES: Mapping[str, float] = {name.value: 1 / weight for name, weight in WEIGHTS.items()}
"""By how much a message raises the account of its queue; by 1 in a queue of Celery's own, in which answers come to
those who ask workers something."""


class FairShare:
    """Shares the messages of a worker by WEIGHTS among those queues that have any.

    In a strict order, a thousand people waited a minute for their rooms while hundreds of breakouts closed (measured).
    Each message raises the account of its queue by a share, and the queue with the lowest account comes next. A queue
    without messages saves nothing up.

    kombu's channels call `update` with the queues of a worker, `consume` before they ask the broker, and `rotate` for
    each message (`kombu.utils.scheduling`).
    """

    def __init__(self) -> None:
        self._accounts: dict[str, float] = {}

    def update(self, it: Iterable[str]) -> None:
        """Serve these queues, the most urgent first."""
        begin = min(self._accounts.values(), default=0.0)
        self._accounts = {name: self._accounts.get(name, begin) for name in it}

    def consume(self, n: int) -> list[str]:
        """Return at most `n` queues in the order for the next message. Of equal accounts the more urgent is first."""
        return sorted(self._accounts, key=self._accounts.__getitem__)[:n]

    def rotate(self, last_used: str) -> str:
        """Note from which queue a message came. Those asked before it were empty, and go on where it was."""
        if last_used in self._accounts:  # else it was given up while the broker was asked
            reached = self._accounts[last_used]
            self._accounts = {name: max(account, reached) for name, account in self._accounts.items()}
            self._accounts[last_used] += SHARES.get(last_used, 1.0)
        return last_used
