"""Locks of one process by name."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from orchestrator.store.turns import Turns


def test_one_name_has_one_lock() -> None:
    turns = Turns()
    lock = turns.of("a")
    assert turns.of("a") is lock


def test_two_names_do_not_wait_for_each_other() -> None:
    turns = Turns()
    with turns.of("a"):
        assert not turns.of("a").acquire(blocking=False)
        assert turns.of("b").acquire(blocking=False)


def test_a_name_is_forgotten_when_nobody_uses_its_lock() -> None:
    turns = Turns()
    lock = turns.of("a")
    assert len(turns._by_name) == 1
    del lock
    assert len(turns._by_name) == 0


def test_threads_that_ask_at_once_get_the_same_lock() -> None:
    turns, together = Turns(), Barrier(8)

    def ask(name: str) -> object:
        together.wait(10)
        return turns.of(name)

    with ThreadPoolExecutor(8) as pool:
        for number in range(20):
            assert len(set(pool.map(ask, [f"name {number}"] * 8))) == 1
