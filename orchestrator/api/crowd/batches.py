"""Batches: one blocking call for all requests that wait at the same time."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from orchestrator.api.crowd.readers import Readers
from orchestrator.errors import UserError

T = TypeVar("T")
R = TypeVar("R")

FEW = 8
"""Items after which the next ones may wait: those of one call, and those that came during it."""

Work = Callable[[Sequence[T]], Sequence[R | UserError]]
"""Works on items in their order. Returns an answer, or an error to raise, for each."""


class Batches(Generic[T, R]):
    """Gathers what requests ask for while one call is under way, and hands it all to the next call, in its order.

    So the cost of a crowd is a few calls, and none of its requests keeps a thread. After a call for only a FEW
    items, the next one begins `rest` seconds later, so that what trickles in is gathered too. After one for more there
    is no rest, because what waits here keeps its place in the lane, which others wait for. Nor is there after one for a
    single item, so that who waits for each answer before they ask again is not held up.
    """

    def __init__(self, work: Work[T, R], readers: Readers, most: int, *, rest: float = 0.0) -> None:
        self._work = work
        self._readers = readers
        self._most = most
        self._rest = rest
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._working: asyncio.Task[None] | None = None

    async def run(self, item: T) -> R:
        """Work on this item together with others. Raises the error of this item, or what the whole call raised."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._working is None:
            self._working = asyncio.create_task(self._work_off())
        return await answer

    async def _work_off(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            try:
                answers = await self._readers.run(partial(self._work, [item for item, _ in batch]))
                for (_, future), answer in zip(batch, answers, strict=True):
                    _answer(future, answer)
            except Exception as error:
                for _, future in batch:
                    _answer(future, error)
            if self._rest and 1 < len(batch) + len(self._waiting) <= FEW:
                await asyncio.sleep(self._rest)
        self._working = None


def _answer(future: asyncio.Future[R], answer: R | Exception) -> None:
    """Answer one request, unless it was cancelled or is answered already."""
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
