"""How far a breakout is, in words."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from orchestrator.domain.progress import BreakoutProgress, failure, headline, summary
from schemas.states import BreakoutState, CloseReason, RecordingState, RoomState, SeatState

R, S, C = RoomState, SeatState, RecordingState
BEGAN = datetime(2026, 3, 1, 10, tzinfo=UTC)
CEST = timezone(timedelta(hours=2))


def progress(state: BreakoutState, **facts: Any) -> BreakoutProgress:
    return BreakoutProgress(breakout_id="b", name="Round 1", state=state, started_at=BEGAN, **facts)


OPENING = progress(
    BreakoutState.OPENING,
    rooms=Counter({R.OPEN: 6, R.READY: 1, R.PREPARING: 3}),
    seats=Counter({S.INVITED: 50, S.JOINED: 13, S.ASSIGNED: 27}),
)
OPEN = progress(
    BreakoutState.OPEN,
    closes_at=datetime(2026, 3, 1, 12, 15, 5, tzinfo=CEST),
    rooms=Counter({R.OPEN: 10}),
    seats=Counter({S.JOINED: 88, S.AWAY: 1, S.INVITED: 1}),
    recordings=Counter({C.RECORDING: 9, C.REQUESTED: 1}),
)
UNTIMED = progress(BreakoutState.OPEN, seats=Counter({S.JOINED: 2}))
OVER = progress(BreakoutState.OPEN, paused_with_seconds=0.0)
PAUSED = progress(BreakoutState.OPEN, paused_with_seconds=451.2, rooms=OPEN.rooms, seats=OPEN.seats)
CLOSING = progress(
    BreakoutState.CLOSING,
    rooms=Counter({R.CLOSED: 4, R.FAILED: 1, R.CLOSING: 5}),
    seats=Counter({S.RETURNED: 59, S.NEVER_JOINED: 1, S.RETURNING: 30}),
    failures=[("Room 3", "No more rooms")],
)
CLOSED = progress(
    BreakoutState.CLOSED,
    close_reason=CloseReason.TIMER,
    rooms=Counter({R.CLOSED: 10}),
    seats=Counter({S.RETURNED: 88, S.LOST: 1, S.NEVER_JOINED: 1}),
    recordings=Counter({C.STOPPED: 10}),
)
FAILED = progress(
    BreakoutState.FAILED,
    rooms=Counter({R.FAILED: 2}),
    seats=Counter({S.NEVER_JOINED: 1}),
    failures=[("Room 1", "No more rooms"), ("Room 2", "Nor here")],
)


@pytest.mark.parametrize(
    ("how_far", "words"),
    [
        (OPENING, "7/10 rooms · 63/90 people · Round 1"),
        (OPEN, "88/90 joined · 9 rec · till 10:15 · Round 1"),
        (UNTIMED, "2/2 joined · Round 1"),
        (PAUSED, "88/90 joined · 7:32 left · Round 1"),
        (OVER, "0/0 joined · 0:00 left · Round 1"),
        (CLOSING, "5/10 rooms · 60/90 home · 1 failed · Round 1 · 1 room failed: Room 3: No more rooms"),
        (CLOSED, "10 rooms · 90 people · Round 1"),
        (FAILED, "2 rooms · 1 person · 2 failed · Round 1 · 2 rooms failed: Room 1: No more rooms"),
    ],
    ids=lambda value: value.word if isinstance(value, BreakoutProgress) else "",
)
def test_headline(how_far: BreakoutProgress, words: str) -> None:
    assert headline(how_far) == words


@pytest.mark.parametrize(
    ("recordings", "words"),
    [
        (Counter[RecordingState](), ""),
        (Counter({C.STOPPED: 10}), "; 10 recordings"),
        (Counter({C.UPLOADED: 1}), "; 1 recording, 1 uploaded"),
        (
            Counter({C.STOPPED: 5, C.UPLOADED: 3, C.FAILED: 1, C.SKIPPED: 1}),
            "; 8 recordings, 3 uploaded, 1 failed, 1 skipped",
        ),
    ],
)
def test_summary(recordings: Counter[RecordingState], words: str) -> None:
    closed = progress(BreakoutState.CLOSED, close_reason=CloseReason.TIMER, seats=CLOSED.seats, recordings=recordings)
    assert summary(closed) == f"closed (timer): 88 returned, 1 lost, 1 never joined{words}"


def test_a_failure_says_why() -> None:
    assert failure(FAILED) == "no room could be opened; 2 rooms failed: Room 1: No more rooms"


def test_long_words_of_a_failure_are_cut() -> None:
    long = progress(BreakoutState.FAILED, failures=[("Room 1", "word " * 200)])
    assert failure(long) == f"no room could be opened; 1 room failed: Room 1: {'word ' * 39}word…"


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give a server whose own time zone is far from UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_tokyo")
def test_times_are_in_utc_wherever_the_server_stands() -> None:
    assert "till 10:15" in headline(OPEN)
