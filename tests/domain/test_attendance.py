"""Who was where: overlapping stays are one interval, a reconnect is two, and an end that was not told is presumed."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.attendance import Interval, merged, of_device, without_known

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
TOLD, PRESUMED = False, True


def at(minute: float) -> datetime:
    return NINE + timedelta(minutes=minute)


def stay(begin: float, end: float | None, *, presumed: bool = TOLD) -> Interval:
    return Interval(at(begin), None if end is None else at(end), presumed)


@pytest.mark.parametrize(
    ("stays", "expected"),
    [
        ([], []),
        ([stay(0, 5)], [stay(0, 5)]),
        ([stay(6, 9), stay(0, 5)], [stay(0, 5), stay(6, 9)]),
        ([stay(0, 5), stay(5, 9)], [stay(0, 5), stay(5, 9)]),
        ([stay(3, 9), stay(0, 5)], [stay(0, 9)]),
        ([stay(0, 9), stay(2, 3)], [stay(0, 9)]),
        ([stay(0, None), stay(2, 3)], [stay(0, None)]),
        ([stay(0, 5), stay(2, None), stay(7, 8)], [stay(0, None)]),
        ([stay(0, 9, presumed=PRESUMED), stay(2, 9)], [stay(0, 9)]),
        ([stay(0, 5), stay(2, 9, presumed=PRESUMED)], [stay(0, 9, presumed=PRESUMED)]),
    ],
)
def test_overlaps_are_one_interval(stays: list[Interval], expected: list[Interval]) -> None:
    assert merged(stays) == expected


@pytest.mark.parametrize(
    ("told", "ended", "expected"),
    [
        ([stay(0, None)], None, [stay(0, None)]),
        ([stay(0, None)], 4, [stay(0, 4, presumed=PRESUMED)]),
        ([stay(0, 3)], 4, [stay(0, 3)]),
        ([stay(5, None), stay(0, None)], None, [stay(0, 5, presumed=PRESUMED), stay(5, None)]),
        ([stay(5, 7), stay(0, None)], 7, [stay(0, 5, presumed=PRESUMED), stay(5, 7)]),
        ([stay(5, None)], 1, [stay(5, 5, presumed=PRESUMED)]),
    ],
)
def test_an_end_that_was_not_told_is_presumed(
    told: list[Interval], ended: float | None, expected: list[Interval]
) -> None:
    assert of_device(told, None if ended is None else at(ended)) == expected


def test_what_a_browser_reports_counts_where_realtimekit_tells_nothing() -> None:
    acked = [stay(0.1, 5), stay(5.9, 6), stay(20, None)]
    assert without_known(acked, [stay(0, 5), stay(6, 9)]) == [stay(20, None)]
    assert without_known(acked, []) == acked
