"""What follows a recording, and why it ended, case by case."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.recording import (
    LIMIT_MARGIN,
    MOST_REPLACED,
    REPLACE_AFTER,
    LatestRecording,
    Step,
    next_step,
    why_ended,
)
from schemas.states import RecordingEnd, RecordingState

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
S, E = RecordingState, RecordingEnd
HOUR = timedelta(hours=1)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def latest(state: RecordingState, ended_by: RecordingEnd | None = None, **more: Any) -> LatestRecording:
    """Return a recording that stopped at noon, in a room in which people have been since before."""
    facts: dict[str, Any] = {"stopped_at": NOON, "replaced": 0, "occupied": True, "emptied_at": None, "filled_at": None}
    return LatestRecording(state, ended_by, **facts | more)


REFILLED: dict[str, Any] = {"emptied_at": at(-70), "filled_at": at(5)}
"""The room emptied before the recording ended, and filled after that."""
LEFT_LATER: dict[str, Any] = {"emptied_at": at(3), "filled_at": at(5)}
"""People were there when it ended. They have left, and others have come."""


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        (latest(S.REQUESTED, stopped_at=None), Step.START),
        (latest(S.REQUESTED, stopped_at=None, occupied=False), Step.NOTHING),
        (latest(S.RECORDING, stopped_at=None), Step.NOTHING),
        (latest(S.RECORDING, stopped_at=None, **REFILLED), Step.ASK),
        (latest(S.SKIPPED, stopped_at=None), Step.NOTHING),
        (latest(S.FAILED, E.ITSELF), Step.REPLACE),
        (latest(S.UPLOADED, E.ITSELF), Step.REPLACE),
        (latest(S.STOPPED, E.ITSELF, occupied=False), Step.NOTHING),
        (latest(S.FAILED, E.ITSELF, replaced=1), Step.WAIT),
        (latest(S.FAILED, E.ITSELF, replaced=MOST_REPLACED), Step.GIVE_UP),
        (latest(S.FAILED, E.ITSELF, replaced=MOST_REPLACED, **LEFT_LATER), Step.AGAIN),
        (latest(S.FAILED, E.GIVEN_UP, replaced=MOST_REPLACED), Step.NOTHING),
        (latest(S.FAILED, E.GIVEN_UP, replaced=MOST_REPLACED, **REFILLED), Step.AGAIN),
        (latest(S.UPLOADED, E.PERSON), Step.NOTHING),
        (latest(S.UPLOADED, E.PERSON, **REFILLED), Step.NOTHING),
        (latest(S.UPLOADED, E.LIMIT), Step.NOTHING),
        (latest(S.UPLOADED, E.LIMIT, **LEFT_LATER), Step.AGAIN),
        (latest(S.FAILED, E.REFUSED), Step.WAIT),
        (latest(S.FAILED, E.REFUSED, replaced=MOST_REPLACED), Step.GIVE_UP),
        (latest(S.FAILED, E.REFUSED, **REFILLED), Step.AGAIN),
        (latest(S.STOPPED), Step.NOTHING),
        (latest(S.STOPPED, **LEFT_LATER), Step.NOTHING),
        (latest(S.STOPPED, **REFILLED), Step.AGAIN),
        (latest(S.STOPPED, E.ITSELF, emptied_at=at(-70), filled_at=at(-5)), Step.REPLACE),
    ],
    ids=str,
)
def test_what_follows(facts: LatestRecording, step: Step) -> None:
    assert next_step(facts, at(9)) is step


@pytest.mark.parametrize("replaced", range(MOST_REPLACED))
def test_each_replacement_waits_for_its_time(replaced: int) -> None:
    ended = latest(S.FAILED, E.ITSELF, replaced=replaced)
    then = NOON + REPLACE_AFTER[replaced]
    assert next_step(ended, then) is Step.REPLACE
    assert next_step(ended, then - timedelta(microseconds=1)) is Step.WAIT


def test_one_that_was_refused_is_not_asked_for_again_at_once() -> None:
    refused = latest(S.FAILED, E.REFUSED)
    assert next_step(refused, NOON + REPLACE_AFTER[1] - timedelta(microseconds=1)) is Step.WAIT
    assert next_step(refused, NOON + REPLACE_AFTER[1]) is Step.REPLACE


@pytest.mark.parametrize(
    ("failed", "reason", "by_user", "why"),
    [
        (False, "API_CALL", True, E.PERSON),
        (False, "API_CALL", False, E.PERSON),
        (False, None, False, E.PERSON),
        (False, "ALL_PEERS_LEFT", False, E.ITSELF),
        (False, "INTERNAL_ERROR", False, E.ITSELF),
        (True, "API_CALL", True, E.PERSON),
        (True, "API_CALL", False, E.ITSELF),
        (True, None, False, E.ITSELF),
    ],
)
def test_why_it_ended(failed: bool, reason: str | None, by_user: bool, why: RecordingEnd) -> None:
    for lasted in (None, HOUR - LIMIT_MARGIN - timedelta(seconds=1)):
        assert why_ended(failed=failed, reason=reason, by_user=by_user, lasted=lasted, longest=HOUR) is why


def test_one_that_lasted_as_long_as_it_may_has_reached_its_limit_whatever_the_reason() -> None:
    lasted = HOUR - LIMIT_MARGIN
    assert why_ended(failed=True, reason="API_CALL", by_user=True, lasted=lasted, longest=HOUR) is E.LIMIT
    assert why_ended(failed=True, reason="INTERNAL_ERROR", by_user=False, lasted=lasted, longest=HOUR) is E.ITSELF
