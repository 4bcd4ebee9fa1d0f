"""When tokens are renewed, and until when they are shown."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.tokens import STALE_PAUSE, STEPS, TokenTimes, again_at, token_times

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("life", "step", "renewed_before_end", "shown_until_before_end"),
    [
        (timedelta(days=100), 0, 2 * HOUR, HOUR),
        (timedelta(days=100), STEPS // 2, 2.5 * HOUR, HOUR),
        (timedelta(hours=2), 0, HOUR, HOUR / 2),
        (timedelta(seconds=8), 0, timedelta(seconds=4), timedelta(seconds=2)),
    ],
)
def test_a_token_is_renewed_before_it_is_not_shown_any_more_and_that_before_it_ends(
    life: timedelta, step: int, renewed_before_end: timedelta, shown_until_before_end: timedelta
) -> None:
    end = NOW + life
    times = token_times(end, NOW, NOW, HOUR, step)
    assert times == TokenTimes(end - renewed_before_end, end - shown_until_before_end)


def test_a_token_that_names_no_end_is_never_renewed() -> None:
    assert token_times(None, None, NOW, HOUR, 0) == TokenTimes(None, None)


def test_a_token_whose_start_is_unknown_lives_from_now_on() -> None:
    assert token_times(NOW + 2 * HOUR, None, NOW, HOUR, 0) == token_times(NOW + 2 * HOUR, NOW, NOW, HOUR, 0)


def test_a_token_that_has_ended_when_it_comes_is_replaced_after_a_pause() -> None:
    end = NOW - timedelta(minutes=5)
    assert token_times(end, end - HOUR, NOW, HOUR, 0).renew_at == NOW + STALE_PAUSE


def test_a_failed_renewal_is_tried_again_the_sooner_the_less_time_is_left() -> None:
    assert again_at(NOW, None) == NOW + STALE_PAUSE
    assert again_at(NOW, NOW + HOUR) == NOW + STALE_PAUSE
    assert again_at(NOW, NOW + timedelta(seconds=20)) == NOW + timedelta(seconds=10)
    assert again_at(NOW, NOW) == NOW + timedelta(seconds=1)
    assert again_at(NOW, NOW - timedelta(seconds=8)) == NOW + timedelta(seconds=8)
    assert again_at(NOW, NOW - HOUR) == NOW + STALE_PAUSE
