"""A small sample of `python -m tests.chaos.webhooks`: one lifecycle with deliveries lost, held, late and doubled."""

from tests.chaos.lane import Lane
from tests.chaos.webhooks import WEATHERS, play_in


def test_however_webhooks_come_the_breakout_ends_the_same(lane: Lane) -> None:
    outcome = play_in(WEATHERS["mixed"], 2, lane, "weather-2")
    assert not outcome.violations, f"{outcome.violations}, {outcome.trace}, see {lane.folder}"
