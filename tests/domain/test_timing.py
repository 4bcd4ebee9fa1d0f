"""Deadlines and backoff, in seconds."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain import timing

END = datetime(2026, 1, 1, 12, tzinfo=UTC)


def before_end(seconds: float) -> datetime:
    return END - timedelta(seconds=seconds)


class Extreme(random.Random):
    """Luck that is always the least or the most that was asked for."""

    def __init__(self, *, most: bool) -> None:
        super().__init__()
        self._most = most

    def uniform(self, a: float, b: float) -> float:
        """Return one of the ends."""
        return b if self._most else a


def test_a_message_is_sent_again_after_doubling_waits_of_at_most_half_a_minute() -> None:
    assert timing.dispatch_delays() == [5, 10, 20, 30]


@pytest.mark.parametrize(
    ("dispatches", "seconds"),
    [(0, 0), (1, 5), (2, 15), (3, 35), (4, 65), (5, 95), (6, 125), (100, 65 + 96 * 30)],
)
def test_the_first_of_so_many_messages_was_sent_all_their_waits_ago(dispatches: int, seconds: float) -> None:
    assert timing.waited(dispatches) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("tries", "most"),
    [(0, 0.5), (1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (6, 16), (7, 30), (8, 30), (40, 30), (100_000, 30)],
)
def test_backoff_is_the_upper_half_of_a_doubling_delay(tries: int, most: float) -> None:
    assert timing.backoff(tries, Extreme(most=True)) == timedelta(seconds=most)
    assert timing.backoff(tries, Extreme(most=False)) == timedelta(seconds=most / 2)


@pytest.mark.parametrize(
    ("refusals", "seconds"), [(1, 5), (2, 10), (3, 20), (4, 40), (5, 80), (6, 160), (7, 300), (100_000, 300)]
)
def test_what_was_refused_is_left_alone_for_doubling_pauses(refusals: int, seconds: float) -> None:
    assert timing.refused_pause(refusals) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("follows", "seconds"), [(0, 10), (1, 20), (2, 40), (3, 80), (4, 120), (100_000, 120)])
def test_an_upload_is_asked_for_after_doubling_waits(follows: int, seconds: float) -> None:
    assert timing.follow_delay(follows) == timedelta(seconds=seconds)


NEXT: dict[str, tuple[list[int], float, float | None]] = {
    "no warnings": ([], 600, None),
    "one to come": ([60], 600, 60),
    "the earliest of two": ([60, 300], 600, 300),
    "the second when the first was given": ([60, 300], 300, 60),
    "none when the last was given": ([60, 300], 60, None),
    "one that is a moment away": ([60], 60.001, 60),
    "none when nothing but the past is left": ([60], 0, None),
}


@pytest.mark.parametrize(("warn_before", "warned", "next_one"), NEXT.values(), ids=NEXT)
def test_the_next_warning_is_the_first_after_those_given(
    warn_before: list[int], warned: float, next_one: float | None
) -> None:
    expected = None if next_one is None else before_end(next_one)
    assert timing.next_warning(END, warn_before, before_end(warned)) == expected


def test_nothing_warns_of_an_end_that_is_not_set() -> None:
    assert timing.next_warning(None, [60], END) is None


DUE: dict[str, tuple[list[int], float, float, int | None]] = {
    "no warnings": ([], 600, 60, None),
    "none before its time": ([60], 600, 60.001, None),
    "one at its time": ([60], 600, 60, 60),
    "one after its time": ([60], 600, 30, 60),
    "one that was given is not given again": ([60], 60, 30, None),
    "one given a moment too early is given": ([60], 60.001, 60, 60),
    "of two that are late only the last, which is still true": ([60, 300], 600, 30, 60),
    "of two the one whose time has come": ([60, 300], 600, 200, 300),
    "of many late ones only those since the last given": ([30, 60, 300], 300, 45, 60),
}


@pytest.mark.parametrize(("warn_before", "warned", "now", "due"), DUE.values(), ids=DUE)
def test_the_warning_to_give_now(warn_before: list[int], warned: float, now: float, due: int | None) -> None:
    assert timing.due_warning(END, warn_before, before_end(warned), before_end(now)) == due


@pytest.mark.parametrize(
    ("calls", "least", "seconds"),
    [(0, 30, 30), (100, 30, 40), (75, 30, 30), (76, 30, 30.4), (500, 0, 200)],
    ids=["nothing to do", "twice what the quota needs", "just the least", "just more than the least", "no least"],
)
def test_preparing_takes_half_the_quota_and_at_least_so_long(calls: int, least: float, seconds: float) -> None:
    assert timing.preparing_takes(calls, 50, 10, least) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("times", "first"),
    [((), None), ((None,), None), ((None, 30, 60), 60), ((60, None, 30), 60), ((30,), 30)],
    ids=["no times", "none set", "the first comes last", "the first comes first", "one"],
)
def test_the_earliest_is_the_first_of_the_times_that_are_set(
    times: tuple[float | None, ...], first: float | None
) -> None:
    set_times = [None if seconds is None else before_end(seconds) for seconds in times]
    assert timing.earliest(*set_times) == (None if first is None else before_end(first))


def test_an_upload_has_a_day() -> None:
    assert timing.FOLLOW_HOURS == 24
