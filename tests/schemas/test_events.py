"""The topics that processes wake each other with."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from schemas.events import Topic, due_topic, topic_and_id

NOON = datetime(2026, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("topic", "text", "pattern"),
    [
        (Topic.BREAKOUT, "breakout:0199", "breakout:*"),
        (Topic.SEATS, "seats:0199", "seats:*"),
        (Topic.MEETING, "meeting:0199", "meeting:*"),
        (Topic.DUE, "due:0199", "due:*"),
    ],
    ids=list(Topic),
)
def test_a_topic_is_its_kind_and_an_id(topic: Topic, text: str, pattern: str) -> None:
    assert topic.of("0199") == text
    assert topic.pattern == pattern
    assert topic_and_id(text) == (topic, "0199")


@pytest.mark.parametrize("offset_hours", [0, 2, -5], ids="{:+d} h".format)
def test_a_due_topic_carries_the_seconds_since_1970_in_any_time_zone(offset_hours: int) -> None:
    there = NOON.astimezone(timezone(timedelta(hours=offset_hours)))
    assert due_topic(there) == "due:1767268800.25"
    assert float(topic_and_id(due_topic(there))[1]) == NOON.timestamp()


def test_an_id_may_hold_a_colon() -> None:
    assert topic_and_id("seats:a:b") == (Topic.SEATS, "a:b")


def test_an_unknown_topic_is_an_error() -> None:
    with pytest.raises(ValueError, match="weather"):
        topic_and_id("weather:a")
