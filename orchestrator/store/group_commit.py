"""Group commit: one transaction for what many threads want to write at the same time."""

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar, cast

from orchestrator.store.mutex import NewMutex
from orchestrator.store.trouble import DATABASE_TROUBLE

C = TypeVar("C")
T = TypeVar("T")
R = TypeVar("R")

Work = Callable[[C, str, list[T]], list[R]]
"""Takes a context, a key and the items of that key, and returns the results in the order of the items."""


_Name = tuple[Any, tuple[str, str]]
"""What a group is known by: the function that works on it, its key, and what it is kept apart by."""


class _Group(Generic[T, R]):
    """The waiting items of one key, and the lock of the thread that works on them."""

    def __init__(self, new_mutex: NewMutex) -> None:
        self.waiting: list[tuple[T, Future[R]]] = []
        self.lock = new_mutex()

    def take_all(self) -> list[tuple[T, Future[R]]]:
        taken = self.waiting[:]
        del self.waiting[: len(taken)]
        return taken


class GroupCommit:
    """Gathers items by the function that works on them and by a key. A group is forgotten when it is empty."""

    def __init__(self, new_mutex: NewMutex = threading.Lock) -> None:
        self._new_mutex = new_mutex
        self._groups: weakref.WeakValueDictionary[_Name, _Group[Any, Any]] = weakref.WeakValueDictionary()
        self._guard = threading.Lock()

    def run(self, work: Work[C, T, R], context: C, key: str, item: T, *, apart: str = "") -> R:
        """Work on this item together with all items that other threads have handed in under the same key.

        One thread works for all that wait. `context` must mean the same in each call with that key, and the same
        `apart`. Raises what `work` raises on the item alone.
        """
        answer: Future[R] = Future()
        group = self._join(work, (key, apart), item, answer)
        with group.lock:
            if not answer.done():
                taken = group.take_all()
                _answer(
                    [future for _, future in taken], lambda items: work(context, key, items), [it for it, _ in taken]
                )
        return answer.result()

    def _join(self, work: Work[C, T, R], key: tuple[str, str], item: T, answer: Future[R]) -> _Group[T, R]:
        with self._guard:
            group = cast(_Group[T, R] | None, self._groups.get((work, key)))
            if group is None:
                group = _Group(self._new_mutex)
                self._groups[work, key] = group
            group.waiting.append((item, answer))
            return group


def _answer(futures: list[Future[R]], work: Callable[[list[T]], list[R]], items: list[T]) -> None:
    """Work on all items at once. Should that fail, work on each alone, so that one bad item spoils no other."""
    try:
        answers = list(zip(futures, work(items), strict=True))  # none is given before their number is known to be right
        for future, answer in answers:
            future.set_result(answer)
    except Exception as error:
        if len(items) == 1:
            futures[0].set_exception(error)
        else:
            _answer_each(futures, work, items)


def _answer_each(futures: list[Future[R]], work: Callable[[list[T]], list[R]], items: list[T]) -> None:
    """Work on each item alone until one meets trouble with the database: each try may take seconds, so no more wait."""
    for number, (future, item) in enumerate(zip(futures, items, strict=True), 1):
        _answer([future], work, [item])
        error = future.exception()
        if isinstance(error, DATABASE_TROUBLE):
            for other in futures[number:]:
                other.set_exception(error)
            return
