"""How far a breakout is, in words for readers of Flower: one line while it runs, and one when it has ended."""

import math
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from orchestrator.domain.wording import count
from schemas.states import BreakoutState, CloseReason, RecordingState, RoomState, SeatState

LONGEST_FAILURE_CHARACTERS = 200
"""The length to which RealtimeKit's words for a room's failure are cut."""

State = TypeVar("State", RoomState, SeatState, RecordingState)

_R, _S, _C = RoomState, SeatState, RecordingState

OPENED = (_R.READY, _R.OPEN)
ADMITTED = (_S.ADMITTED, _S.INVITED, _S.JOINED, _S.AWAY, _S.RETURNING, _S.RETURNED)
DONE = (_R.CLOSED, _R.FAILED)
HOME = (_S.RETURNED, _S.NEVER_JOINED)
MADE = (_C.RECORDING, _C.STOPPED, _C.UPLOADED)


@dataclass(frozen=True)
class BreakoutProgress:
    """The facts about a breakout: counts by present state, and its own times."""

    breakout_id: str
    name: str
    state: BreakoutState
    started_at: datetime
    closes_at: datetime | None = None
    ended_at: datetime | None = None
    close_reason: CloseReason | None = None
    paused_with_seconds: float | None = None
    """What is left of a paused timer; None while the timer is not paused."""
    rooms: Counter[RoomState] = field(default_factory=Counter)
    seats: Counter[SeatState] = field(default_factory=Counter)
    recordings: Counter[RecordingState] = field(default_factory=Counter)
    failures: Sequence[tuple[str, str]] = ()
    """The names of rooms that failed, and the reason of each."""

    @property
    def word(self) -> str:
        """The state as Flower shows it."""
        paused = self.state is BreakoutState.OPEN and self.paused_with_seconds is not None
        return "paused" if paused else self.state.value


def headline(progress: BreakoutProgress) -> str:
    """Return `88/90 joined · 9 rec · till 10:15 · Round 1`; after the end the numbers of rooms and people.

    Flower shows the state beside it, and cuts off what it has no room for, beyond some 45 characters. So what changes
    comes first, then what it is about, and then the long words of failures.
    """
    failed = [f"{len(progress.failures)} failed"] if progress.failures else []
    return " · ".join([*_how_far(progress), *failed, progress.name, *_failed_rooms(progress)])


def summary(progress: BreakoutProgress) -> str:
    """Return `closed (timer): 88 returned, 1 lost, 1 never joined; 10 recordings, 4 uploaded`."""
    seats = progress.seats
    people = [f"{seats[_S.RETURNED]} returned", *_worded(seats, {_S.LOST: "lost", _S.NEVER_JOINED: "never joined"})]
    parts = [", ".join(people), *_recordings(progress.recordings), *_failed_rooms(progress)]
    return f"closed ({progress.close_reason}): {'; '.join(parts)}"


def failure(progress: BreakoutProgress) -> str:
    """Return why no room could be opened."""
    return "; ".join(["no room could be opened", *_failed_rooms(progress)])


def _how_far(progress: BreakoutProgress) -> list[str]:
    rooms, seats = progress.rooms, progress.seats
    match progress.word:
        case "opening":
            return [f"{_of(rooms, OPENED)} rooms", f"{_of(seats, ADMITTED)} people"]
        case "open":
            until = [f"till {progress.closes_at.astimezone(UTC):%H:%M}"] if progress.closes_at else []
            return [*_inside(progress), *until]
        case "paused":
            return [*_inside(progress), f"{_clock(progress.paused_with_seconds or 0)} left"]
        case "closing":
            return [f"{_of(rooms, DONE)} rooms", f"{_of(seats, HOME)} home"]
    return [count(rooms.total(), "room"), count(seats.total(), "person", "people")]


def _inside(progress: BreakoutProgress) -> list[str]:
    recording = progress.recordings[_C.RECORDING]
    return [f"{_of(progress.seats, (_S.JOINED,))} joined", *([f"{recording} rec"] if recording else [])]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}:{rest:02}"


def _recordings(recordings: Counter[RecordingState]) -> list[str]:
    if not recordings:
        return []
    made = sum(recordings[state] for state in MADE)
    more = _worded(recordings, {_C.UPLOADED: "uploaded", _C.FAILED: "failed", _C.SKIPPED: "skipped"})
    return [", ".join([count(made, "recording"), *more])]


def _failed_rooms(progress: BreakoutProgress) -> list[str]:
    if not progress.failures:
        return []
    name, words = progress.failures[0]
    shown = textwrap.shorten(words, LONGEST_FAILURE_CHARACTERS, placeholder="…")
    return [f"{count(len(progress.failures), 'room')} failed: {name}: {shown}"]


def _of(counts: Counter[State], states: Iterable[State]) -> str:
    return f"{sum(counts[state] for state in states)}/{counts.total()}"


def _worded(counts: Counter[State], words: Mapping[State, str]) -> list[str]:
    return [f"{counts[state]} {word}" for state, word in words.items() if counts[state]]
