"""Lanes side by side, each in a process of its own with a database, a broker and a sandbox."""

import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import util
from pathlib import Path
from typing import TypeVar

from tests.chaos.lane import Lane, lane_in
from tests.chaos.story import Outcome
from tests.support.postgres import postgres

LANES = 4
Told = TypeVar("Told", bound=Outcome)
Tale = Callable[[Lane, str], Told]
"""What is played in a lane under the name of a run; it is pickled on its way to the lane's process."""


@dataclass
class _Mine:
    """The lane of this process of the pool, and what is closed with it."""

    lane: Lane
    stack: ExitStack


_mine: list[_Mine] = []
_numbers = itertools.count(1)


class Pool:
    """Lanes that play one tale after another."""

    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self._executor = executor

    def play(self, tales: Iterable[Tale[Told]]) -> Iterator[Told]:
        """Yield the outcome of each tale as it ends; they start in this order."""
        futures = [self._executor.submit(_play, tale) for tale in tales]
        yield from (future.result() for future in as_completed(futures))


@contextmanager
def pool_in(folder: Path, lanes: int) -> Iterator[Pool]:
    """Run lanes inside the block, each of which starts with its first tale."""
    context = multiprocessing.get_context("spawn")
    start = partial(_open_lane, folder)
    with ProcessPoolExecutor(lanes, context, initializer=start) as executor:
        yield Pool(executor)


def _open_lane(folder: Path) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    mine = folder / f"lane-{os.getpid()}"
    mine.mkdir()
    stack = ExitStack()
    lane = stack.enter_context(lane_in(mine, stack.enter_context(postgres())))
    _mine.append(_Mine(lane, stack))
    util.Finalize(None, stack.close, exitpriority=10)


def _end_with_parent() -> None:
    """Let the kernel kill the lane's processes with this one, so that a killed run leaves nothing behind."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)


def _play(tale: Tale[Told]) -> Told:
    return tale(_mine[0].lane, f"{os.getpid()}r{next(_numbers)}")
