"""How long an opening takes by its calls, the quota, and how quick the last openings were."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from orchestrator.domain.predicting import Conditions, Opening, opening_seconds, pace


def given(call: float = 0.0, in_flight: int = 64, cap: int = 1000) -> Conditions:
    return Conditions(call_seconds=call, in_flight=in_flight, cap=cap, window_seconds=10)


def seconds(create: int, add: int, conditions: Conditions, at: float = 1.0) -> float:
    return opening_seconds(create, add, conditions, at)


@pytest.mark.parametrize(("calls", "windows"), [(1, 0), (46, 0), (47, 1), (92, 1), (93, 2)])
def test_what_the_quota_does_not_grant_at_once_waits_for_whole_windows(calls: int, windows: int) -> None:
    for at in (1.0, 3.0):
        waits = seconds(1, calls - 1, given(cap=46), at) - seconds(1, calls - 1, given(), at)
        assert waits == pytest.approx(10 * windows)


def test_a_call_that_takes_longer_counts_for_each_wave() -> None:
    assert seconds(10, 100, given(2)) - seconds(10, 100, given(1)) == pytest.approx(1 + 2)
    slow, slower = (seconds(10, 100, given(call, in_flight=10)) for call in (1, 2))
    assert slower - slow == pytest.approx(1 + 10)


def test_where_calls_are_quick_our_own_work_counts() -> None:
    assert seconds(100, 1000, given()) == seconds(100, 1000, given(0.01)) > 2


def test_more_people_never_take_less() -> None:
    each = [seconds(5, people, given(0.1, cap=46)) for people in range(200)]
    assert each == sorted(each)


def took(*times: float, people: int = 45) -> list[Opening]:
    """Return openings of one size that took so many times as long as computed."""
    computed = given().own_seconds(1, people)
    return [Opening(1, people, timedelta(seconds=computed * time)) for time in times]


PACES: dict[str, tuple[Sequence[Opening], float]] = {
    "as computed where none was made yet": ([], 1.0),
    "as the last one": (took(2.0), 2.0),
    "half as long on a quick machine": (took(0.5, 0.5), 0.5),
    "as most of them": (took(2.0, 90.0, 2.0), 2.0),
    "at most eight times as long": (took(90.0), 8.0),
    "at least a quarter": (took(0.01), 0.25),
    "without those that waited for the quota": (took(9.0, people=46) + took(2.0), 2.0),
    "as computed where all waited for the quota": (took(9.0, people=46), 1.0),
}


@pytest.mark.parametrize(("openings", "times"), PACES.values(), ids=PACES)
def test_pace(openings: Sequence[Opening], times: float) -> None:
    assert pace(openings, given(cap=46)) == pytest.approx(times)


def test_a_slow_machine_takes_longer_for_its_own_work_and_not_for_calls() -> None:
    slower = [seconds(10, 100, given(call), 2.0) - seconds(10, 100, given(call)) for call in (0.2, 2.0)]
    assert slower == [pytest.approx(given(0.2).own_seconds(10, 100))] * 2
    shown = [Opening(10, 100, timedelta(seconds=seconds(10, 100, given(0.2), 3.0)))]
    assert pace(shown, given(0.2)) == pytest.approx(3.0)
