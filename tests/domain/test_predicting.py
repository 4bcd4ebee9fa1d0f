"""How long an opening takes by its calls, their latency, the places in flight and the quota."""

import pytest

from orchestrator.domain.predicting import opening_seconds


def seconds(create: int, add: int, *, call: float = 0.0, in_flight: int = 64, cap: int = 1000) -> float:
    return opening_seconds(create, add, call_seconds=call, in_flight=in_flight, cap=cap, window_seconds=10)


@pytest.mark.parametrize(("calls", "windows"), [(1, 0), (46, 0), (47, 1), (92, 1), (93, 2)])
def test_what_the_quota_does_not_grant_at_once_waits_for_whole_windows(calls: int, windows: int) -> None:
    assert seconds(1, calls - 1, cap=46) - seconds(1, calls - 1) == pytest.approx(10 * windows)


def test_a_call_that_takes_longer_counts_for_each_wave() -> None:
    assert seconds(10, 100, call=2) - seconds(10, 100, call=1) == pytest.approx(1 + 2)
    slow, slower = (seconds(10, 100, call=call, in_flight=10) for call in (1, 2))
    assert slower - slow == pytest.approx(1 + 10)


def test_where_calls_are_quick_our_own_work_counts() -> None:
    assert seconds(100, 1000) == seconds(100, 1000, call=0.01) > 2


def test_more_people_never_take_less() -> None:
    each = [seconds(5, people, call=0.1, cap=46) for people in range(200)]
    assert each == sorted(each)
