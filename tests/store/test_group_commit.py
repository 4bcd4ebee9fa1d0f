"""Group commit: one thread works on all that others hand in meanwhile, and each gets its own answer."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, get_ident

import pytest

from orchestrator.store.group_commit import GroupCommit
from tests.support.waiting import wait_until


class Worker:
    """Doubles numbers. It stops in its first batch until it may go on, and what is below zero is bad."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.threads: list[int] = []
        self.keys: list[tuple[str, str]] = []
        self.begun, self.may_go_on = Event(), Event()

    def work(self, context: str, key: str, items: list[int]) -> list[int]:
        """Note the batch, and double all or nothing."""
        self.batches.append(items)
        self.threads.append(get_ident())
        self.keys.append((context, key))
        self.begun.set()
        assert self.may_go_on.wait(10)
        if bad := [item for item in items if item < 0]:
            raise ValueError(f"bad: {bad}")
        return [2 * item for item in items]


@pytest.fixture
def worker() -> Worker:
    return Worker()


def _together(worker: Worker, items: list[int]) -> list[Future[int]]:
    """Hand in the items, each in a thread of its own, while the worker is busy with the first; let it go on then."""
    groups = GroupCommit()
    with ThreadPoolExecutor(len(items)) as pool:
        answers = [pool.submit(groups.run, worker.work, "context", "key", items[0])]
        assert worker.begun.wait(10)
        for number, item in enumerate(items[1:], 1):
            answers.append(pool.submit(groups.run, worker.work, "context", "key", item))
            wait_until(_waits(groups, number), every=0.001)
        worker.may_go_on.set()
    return answers


def _waits(groups: GroupCommit, number: int) -> Callable[[], bool]:
    return lambda: sum(len(group.waiting) for group in groups._groups.values()) == number


def test_an_item_alone_is_worked_on_at_once_in_its_own_thread(worker: Worker) -> None:
    worker.may_go_on.set()
    assert GroupCommit().run(worker.work, "context", "key", 4) == 8
    assert worker.batches == [[4]]
    assert worker.threads == [get_ident()]
    assert worker.keys == [("context", "key")]


def test_what_waits_while_one_thread_works_is_one_batch_in_order(worker: Worker) -> None:
    answers = _together(worker, [1, 2, 3, 4, 5])
    assert worker.batches == [[1], [2, 3, 4, 5]]
    assert [answer.result() for answer in answers] == [2, 4, 6, 8, 10]


def test_one_bad_item_spoils_no_other(worker: Worker) -> None:
    answers = _together(worker, [1, 2, -3, 4])
    assert worker.batches == [[1], [2, -3, 4], [2], [-3], [4]]
    assert [answers[number].result() for number in (0, 1, 3)] == [2, 4, 8]
    with pytest.raises(ValueError, match=r"^bad: \[-3\]$"):
        answers[2].result()


def test_a_bad_item_alone_is_tried_once(worker: Worker) -> None:
    worker.may_go_on.set()
    with pytest.raises(ValueError, match="bad"):
        GroupCommit().run(worker.work, "context", "key", -1)
    assert worker.batches == [[-1]]


def test_work_that_answers_too_little_is_an_error_for_each(worker: Worker) -> None:
    def forgetful(context: str, key: str, items: list[int]) -> list[int]:
        return worker.work(context, key, items)[:-1]

    worker.may_go_on.set()
    with pytest.raises(ValueError, match="zip"):
        GroupCommit().run(forgetful, "context", "key", 1)


@pytest.mark.parametrize("other", ["key", "work"])
def test_other_keys_and_other_work_do_not_wait(worker: Worker, other: str) -> None:
    groups, free = GroupCommit(), Worker()
    free.may_go_on.set()
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(groups.run, worker.work, "context", "key", 1)
        assert worker.begun.wait(10)
        if other == "work":
            assert groups.run(free.work, "context", "key", 2) == 4
        else:
            worker.may_go_on.set()
            assert groups.run(worker.work, "context", "other key", 2) == 4
        worker.may_go_on.set()
        assert busy.result(10) == 2
    assert [2] in (worker.batches + free.batches)


def test_a_group_is_forgotten_when_it_is_empty(worker: Worker) -> None:
    groups = GroupCommit()
    worker.may_go_on.set()
    for number in range(3):
        groups.run(worker.work, "context", f"key {number}", number)
    assert len(groups._groups) == 0
