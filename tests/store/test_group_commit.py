"""Group commit: one thread works on all that others hand in meanwhile, and each gets its own answer."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Event, Thread
from typing import Any

import pytest

from orchestrator.store.group_commit import GroupCommit
from tests.support.waiting import wait_until

SOON_SECONDS = 5.0
"""How long a test waits for what is there at once."""


AWAY = 99
"""The item at which the database is away."""


class Worker:
    """Doubles numbers. It stops in its first batch until it may go on, and numbers below zero are bad."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.keys: list[tuple[str, str]] = []
        self.begun, self.may_go_on = Event(), Event()

    def work(self, context: str, key: str, items: list[int]) -> list[int]:
        """Note the batch, and double all or nothing."""
        self.batches.append(items)
        self.keys.append((context, key))
        self.begun.set()
        assert self.may_go_on.wait(SOON_SECONDS)
        if AWAY in items:
            raise TimeoutError("the database is away")
        if bad := [item for item in items if item < 0]:
            raise ValueError(f"bad: {bad}")
        return [2 * item for item in items]


@pytest.fixture
def busy() -> Worker:
    """Give a worker that has to wait before it can end its first batch."""
    return Worker()


@pytest.fixture
def free() -> Worker:
    """Give a worker that waits for nothing."""
    worker = Worker()
    worker.may_go_on.set()
    return worker


def hand_in(groups: GroupCommit, work: Any, item: int, key: str = "key") -> Future[int]:
    """Hand in an item in a thread of its own, which a mistake may leave waiting for ever."""
    answer: Future[int] = Future()

    def run() -> None:
        try:
            answer.set_result(groups.run(work, "context", key, item))
        except (ValueError, TimeoutError) as error:
            answer.set_exception(error)

    Thread(target=run, daemon=True).start()
    return answer


def answers_of(worker: Worker, items: list[int]) -> list[Future[int]]:
    """Hand in the items one by one while the worker is busy with the first, and let it go on then."""
    groups = GroupCommit()
    answers = [hand_in(groups, worker.work, items[0])]
    assert worker.begun.wait(SOON_SECONDS)
    for number, item in enumerate(items[1:], 1):
        answers.append(hand_in(groups, worker.work, item))
        wait_until(_waits(groups, number), SOON_SECONDS, every=0.001)
    worker.may_go_on.set()
    return answers


def _waits(groups: GroupCommit, number: int) -> Callable[[], bool]:
    return lambda: sum(len(group.waiting) for group in groups._groups.values()) == number


def test_an_item_alone_is_worked_on_at_once(free: Worker) -> None:
    assert hand_in(GroupCommit(), free.work, 4).result(SOON_SECONDS) == 8
    assert free.batches == [[4]]
    assert free.keys == [("context", "key")]


def test_what_waits_while_one_thread_works_is_one_batch_in_order(busy: Worker) -> None:
    answers = answers_of(busy, [1, 2, 3, 4, 5])
    assert [answer.result(SOON_SECONDS) for answer in answers] == [2, 4, 6, 8, 10]
    assert busy.batches == [[1], [2, 3, 4, 5]]


def test_one_bad_item_spoils_no_other(busy: Worker) -> None:
    answers = answers_of(busy, [1, 2, -3, 4])
    assert [answers[number].result(SOON_SECONDS) for number in (0, 1, 3)] == [2, 4, 8]
    with pytest.raises(ValueError, match=r"^bad: \[-3\]$"):
        answers[2].result(SOON_SECONDS)
    assert busy.batches == [[1], [2, -3, 4], [2], [-3], [4]]


def test_without_the_database_not_everybody_waits_for_the_tries_of_all(busy: Worker) -> None:
    answers = answers_of(busy, [1, 2, AWAY, 4, 5, 6])
    assert [answer.result(SOON_SECONDS) for answer in answers[:2]] == [2, 4]
    for answer in answers[2:]:
        with pytest.raises(TimeoutError, match="away"):
            answer.result(SOON_SECONDS)
    assert busy.batches == [[1], [2, AWAY, 4, 5, 6], [2], [AWAY]]


def test_a_bad_item_alone_is_tried_once(free: Worker) -> None:
    with pytest.raises(ValueError, match="bad"):
        hand_in(GroupCommit(), free.work, -1).result(SOON_SECONDS)
    assert free.batches == [[-1]]


@pytest.mark.parametrize("count", [0, 2], ids=["too few", "too many"])
def test_another_number_of_answers_than_items_is_an_error(count: int) -> None:
    def confused(_context: str, _key: str, items: list[int]) -> list[int]:
        return items * count

    with pytest.raises(ValueError, match="zip"):
        hand_in(GroupCommit(), confused, 1).result(SOON_SECONDS)


def test_a_batch_with_another_number_of_answers_is_worked_on_one_by_one(busy: Worker) -> None:
    busy.work = _forget_the_last(busy.work)  # type: ignore[method-assign]
    answers = answers_of(busy, [1, 2, 3, 4])
    assert [answer.result(SOON_SECONDS) for answer in answers] == [2, 4, 6, 8]
    assert busy.batches == [[1], [2, 3, 4], [2], [3], [4]]


def _forget_the_last(work: Any) -> Any:
    def forgetful(context: str, key: str, items: list[int]) -> list[int]:
        answers: list[int] = work(context, key, items)
        return answers[:-1] if len(items) > 1 else answers

    return forgetful


def test_another_key_does_not_wait(busy: Worker, free: Worker) -> None:
    def work(context: str, key: str, items: list[int]) -> list[int]:
        return (busy if key == "key" else free).work(context, key, items)

    groups = GroupCommit()
    first = hand_in(groups, work, 1)
    assert busy.begun.wait(SOON_SECONDS)
    assert hand_in(groups, work, 2, "other key").result(SOON_SECONDS) == 4
    assert not first.done()
    busy.may_go_on.set()
    assert first.result(SOON_SECONDS) == 2


def test_other_work_under_the_same_key_does_not_wait(busy: Worker, free: Worker) -> None:
    groups = GroupCommit()
    first = hand_in(groups, busy.work, 1)
    assert busy.begun.wait(SOON_SECONDS)
    assert hand_in(groups, free.work, 2).result(SOON_SECONDS) == 4
    assert not first.done()
    busy.may_go_on.set()
    assert first.result(SOON_SECONDS) == 2


def test_a_group_is_forgotten_when_it_is_empty(free: Worker) -> None:
    groups = GroupCommit()
    for number in range(3):
        hand_in(groups, free.work, number, f"key {number}").result(SOON_SECONDS)
    wait_until(lambda: len(groups._groups) == 0, SOON_SECONDS)
