"""Trouble of RealtimeKit in one lifecycle: which calls of which part fail, and what causes those calls."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.chaos.lane import PATIENCE_SECONDS, Lane
from tests.chaos.story import STUBBORN, Mischief, Outcome, play
from tests.chaos.switches import allowed, row_of
from tests.chaos.tracing import NOWHERE
from tests.support.invariants import Bounds
from tests.support.stack import JSON

LATE_SECONDS = 15.0
"""More than the timer is late on a machine that is busy with four lanes."""
EMPTY_ROOM = {"recording_stops_when_empty_after": 5.0}
"""A recording that RealtimeKit refuses to stop ends by itself after this; the real default is a minute."""


class Part(StrEnum):
    """The parts of a lifecycle, by the calls that are made in them."""

    GATHERING = "gathering"
    OPENING = "opening"
    CLOSING = "closing"


Deed = Callable[[Lane, str], None]


@dataclass(frozen=True)
class Lure:
    """A cause of calls that the product does not make while all goes well."""

    name: str
    faults: tuple[tuple[Part, JSON], ...] = ()
    switches: Mapping[str, Any] = field(default_factory=dict)
    deed: Deed | None = None
    """Done when everybody is in their rooms."""


@dataclass(frozen=True)
class Trouble:
    """The trouble of one lifecycle."""

    name: str
    part: Part = Part.OPENING
    faults: tuple[JSON, ...] = ()
    """In force from the beginning to the end of `part`."""
    operation: str | None = None
    """The operation whose calls must be struck; any for None."""
    lure: Lure = Lure("nothing")
    switches: Mapping[str, Any] = field(default_factory=dict)
    deed: Deed | None = None
    """Done by `part`: right after the start was answered, or after the timer was set to end soon.

    Faults that it leaves in force end with the part.
    """
    point: str = NOWHERE
    """Where a process dies."""
    bounds: Bounds = field(default_factory=lambda: Bounds(late_seconds=LATE_SECONDS))
    patience_seconds: float = PATIENCE_SECONDS
    row: int | None = None
    """The row of switches in which it is met; None: all as usual. Its own switches and its lure's come first."""
    most_turned_away: int | None = None
    """How many calls a block may refuse: those that were already on their way."""


@dataclass(frozen=True)
class Fate(Outcome):
    """The result of one run with trouble."""

    row: int | None = None
    name: str = ""
    site: str = ""
    """The site that has a line in the table."""
    expects: bool = False
    """Something has to fail, or the run proves nothing."""
    struck: int = 0
    """How many calls of the operation failed."""
    calls: dict[Part, dict[str, int]] = field(default_factory=dict, repr=False)
    """How many calls of each operation came to RealtimeKit."""

    @property
    def verdict(self) -> str:
        """The result in a word or two."""
        if self.violations:
            return "VIOLATION"
        if not self.expects:
            return "undisturbed"
        return "met" if self.struck or self.killed else "not met"


class _Maker:
    """Makes the trouble of one run, and undoes it."""

    def __init__(self, lane: Lane, run: str, trouble: Trouble) -> None:
        self._sandbox, self._run, self._trouble = lane.stack.sandbox, run, trouble
        self._part: Part | None = None
        self._timings = {name: self._sandbox.timings()[name] for name in EMPTY_ROOM}
        self._turned_away = 0
        self.struck = 0
        self.calls: dict[Part, dict[str, int]] = {}

    def enter(self, part: Part) -> None:
        """Begin the next part, with its own faults."""
        self._leave()
        trouble, self._part = self._trouble, part
        faults = [*trouble.faults] if part is trouble.part else []
        faults += [fault for when, fault in trouble.lure.faults if when is part]
        self._sandbox.faults(*(_about(fault, self._run) for fault in faults))

    def begin(self) -> None:
        """Prepare the sandbox before the meeting is requested."""
        self._sandbox.timings(**EMPTY_ROOM)
        self._turned_away = self._sandbox.calls()["budget"]["turned_away"]
        self.enter(Part.GATHERING)

    def opening(self, lane: Lane) -> None:
        """Act after the start was answered."""
        self._do(lane, Part.OPENING)

    def before_closing(self, lane: Lane) -> None:
        """Act when everybody is in their rooms."""
        self.enter(Part.CLOSING)
        if self._trouble.lure.deed is not None:
            self._trouble.lure.deed(lane, self._run)

    def closing(self, lane: Lane) -> None:
        """Act after the timer was set to end soon."""
        self._do(lane, Part.CLOSING)

    def end(self, _: Lane) -> None:
        """Undo everything."""
        self._leave()
        self._turned_away = self._sandbox.calls()["budget"]["turned_away"] - self._turned_away
        self._sandbox.faults()
        self._sandbox.budget(None)
        self._sandbox.timings(**self._timings)

    def violations(self) -> list[str]:
        """Return a sentence if more calls than allowed met the block."""
        most = self._trouble.most_turned_away
        if most is None or self._turned_away <= most:
            return []
        return [f"calls: {self._turned_away} went out although all were blocked"]

    def _do(self, lane: Lane, part: Part) -> None:
        if self._trouble.deed is not None and self._trouble.part is part:
            self._trouble.deed(lane, self._run)
            self.struck += self._sandbox.faults_met(self._trouble.operation)
            self._sandbox.faults()

    def _leave(self) -> None:
        if self._part is not None:
            self.struck += self._sandbox.faults_met(self._trouble.operation)
            self.calls[self._part] = dict(Counter(self._sandbox.calls()["counts"]))
        self._sandbox.forget_calls()


def meet(lane: Lane, run: str, *, trouble: Trouble, seed: int) -> Fate:
    """Play one breakout with this trouble."""
    maker = _Maker(lane, run, trouble)
    maker.begin()
    mischief = Mischief(
        before_opening=lambda _: maker.enter(Part.OPENING),
        opening=maker.opening,
        before_closing=maker.before_closing,
        closing=maker.closing,
        afterwards=maker.end,
        bounds=allowed(trouble.bounds, row_of(trouble.row, seed)),
        patience_seconds=trouble.patience_seconds,
        asked_again=frozenset({503, 422} if trouble.bounds.refusals else {503}),
    )
    switches = {**row_of(trouble.row, seed), **trouble.switches, **trouble.lure.switches}
    outcome = play(lane, run, point=trouble.point, seed=seed, mischief=mischief, switches=switches)
    outcome.violations.extend(maker.violations())
    return Fate(
        **vars(outcome),
        row=trouble.row,
        name=trouble.name,
        site=trouble.name.split(",")[0].rpartition(" ")[0] if trouble.operation else trouble.name,
        expects=bool(trouble.faults or trouble.deed or trouble.point != NOWHERE),
        struck=maker.struck,
        calls=maker.calls,
    )


def _about(fault: JSON, run: str) -> JSON:
    """Replace `{run}` in the text that a fault matches."""
    return {**fault, "match": fault["match"].format(run=run)} if fault.get("match") else fault


def overstay(lane: Lane, run: str) -> None:
    """Let a person whose browser follows no seat sit in a room, be moved, be removed, and join the new room."""
    stack, (name,) = lane.stack, STUBBORN
    breakout = _breakout(lane, run)
    seat = stack.seat(breakout["meeting_id"], name)
    stack.sandbox.join(seat["auth_token"])
    left = seat["realtimekit_meeting_id"]
    lane.wait(lambda: _state_of(name, _breakout(lane, run)) == "joined", "their being seen")
    other = next(room for room in breakout["rooms"] if room["realtimekit_meeting_id"] != left)
    stack.move(breakout["id"], name, other["id"])

    def moved() -> bool:
        is_there = bool(stack.seat(breakout["meeting_id"], name)["room_id"] == other["id"])
        return is_there or _refused(name, _breakout(lane, run))

    lane.wait(moved, "the other room's token")
    if _refused(name, _breakout(lane, run)):
        return
    lane.wait(lambda: name not in stack.sandbox.present(left) or _answered(lane), "their being put out")
    stack.sandbox.join(stack.seat(breakout["meeting_id"], name)["auth_token"])


def _breakout(lane: Lane, run: str) -> JSON:
    meetings = lane.ask("GET", "/v1/meetings?limit=200")["items"]
    meeting_id = next(it["id"] for it in meetings if it["title"] == run)
    (breakout,) = lane.ask("GET", f"/v1/meetings/{meeting_id}/breakouts")["items"]
    return lane.ask("GET", f"/v1/breakouts/{breakout['id']}")


def _state_of(name: str, breakout: JSON) -> str:
    people = (it for room in breakout["rooms"] for it in room["participants"])
    return next(str(it["state"]) for it in people if it["custom_participant_id"] == name)


def _refused(name: str, breakout: JSON) -> bool:
    return any(problem["custom_participant_id"] == name for problem in breakout["problems"])


def _answered(lane: Lane) -> bool:
    """Whether a removal was answered 200, done or not."""
    return bool(lane.stack.sandbox.calls()["statuses"].get("kick_participants", {}).get("200"))


def outage_in_the_middle(lane: Lane, run: str, seconds: float) -> None:
    """Begin an outage once a room is open and others are not."""
    lane.wait(lambda: _breakout(lane, run)["progress"]["rooms"]["open"], "an open room")
    outage(lane, run, seconds)


def outage(lane: Lane, _run: str, seconds: float) -> None:
    """Let RealtimeKit answer only resets and errors for so long."""
    whole = {"operation": "*", "times": None}
    lane.stack.sandbox.faults(
        {**whole, "kind": "reset_before", "probability": 0.5, "seed": 1}, {**whole, "kind": "error_before"}
    )
    until = time.monotonic() + seconds
    lane.wait(lambda: time.monotonic() > until, "the end of an outage", 2 * seconds)


LURES = (
    Lure("nothing"),
    Lure(
        "lost answers",
        tuple(
            (part, {"operation": operation, "kind": "error_after", "match": "{run}"})
            for part, operation in (
                (Part.GATHERING, "create_meeting"),
                (Part.GATHERING, "add_participant"),
                (Part.OPENING, "create_meeting"),
                (Part.OPENING, "add_participant"),
                (Part.OPENING, "start_recordings"),
                (Part.CLOSING, "pause_resume_stop_recording"),
            )
        ),
    ),
    Lure("somebody overstays", deed=overstay),
    Lure("no webhooks", switches={"webhooks_delivered": False}),
)
