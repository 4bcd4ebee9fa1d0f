"""The runs with trouble: each operation of each part of a lifecycle, times each way in which a call can fail."""

import random
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from orchestrator.sandbox.rest.routes import ROUTES
from tests.chaos.story import ROOMS
from tests.chaos.trouble import LATE_SECONDS, LURES, Fate, Lure, Part, Trouble, outage, outage_in_the_middle
from tests.support.invariants import Bounds
from tests.support.stack import JSON

KINDS = (
    "rate_limited",
    "error_before",
    "error_after",
    "timeout_after",
    "reset_before",
    "reset_after",
    "success_false",
    "garbled",
    "silence",
)
REFUSAL = "success_false"
"""The only kind after which nothing is tried again."""
READS = frozenset(operation for method, _, operation, _ in ROUTES if method == "GET")
"""Operations without an effect; kinds that fail after the effect need one."""
ABOUT = ('"p3"', "{run} · Room 1 [", None)
"""The calls that are struck, twice each: those of a person, those of a room, and the first ones.

So a retry is struck too, and something succeeds beside what fails.
"""
TIMES, SELDOM = 2, {"get_one_recording": 1}
"""How often a fault strikes; less often for an operation that is repeated more and more rarely."""
UNANSWERED = ("error_after", "timeout_after", "reset_after")
AT_ONCE, SOON, LATE = LAGS = (0.0, 1.0, 6.0)
"""Seconds until RealtimeKit shows a new meeting: at once, before it matters, and long after it mattered.

REALTIMEKIT_TIMEOUT_SECONDS and SEARCH_SETTLE_SECONDS (tests/chaos/lane.py) are 1.8 s together.
"""
DUPLICATES = ("same_record", "second_record", "conflict")
BLOCK_SECONDS, OUTAGE_SECONDS = 300, 120
SPARE_SECONDS = 60.0
"""Time after the end of a trouble for the last retries and for the rest."""
MAKING = ("create_meeting", "add_participant", "start_recordings")


def scouts() -> list[Trouble]:
    """Return runs that show which operations are called in which part, undisturbed and with each lure."""
    return [Trouble(f"nothing struck, {lure.name}", lure=lure) for lure in LURES]


def everything(scouted: Sequence[Fate]) -> list[Trouble]:
    """Return all troubles, with those that mostly wait spread among the others to keep the machine busy."""
    waiting = list(long_ones())
    others = [*unanswered(deaths(scouted[0].trace)), *duplicates(), *faults(met(scouted))]
    between = len(others) // len(waiting)
    for number, trouble in enumerate(waiting):
        others.insert(number * (between + 1), trouble)
    return others


def met(scouted: Iterable[Fate]) -> dict[tuple[Part, str], Lure]:
    """Return each operation that is called in each part, with the first lure that causes it."""
    found: dict[tuple[Part, str], Lure] = {}
    for lure, fate in zip(LURES, scouted, strict=True):
        for part, calls in fate.calls.items():
            for operation in calls:
                found.setdefault((part, operation), lure)
    return found


def faults(there: dict[tuple[Part, str], Lure]) -> Iterator[Trouble]:
    """Yield a trouble for each of these operations and each way to fail."""
    for (part, operation), lure in sorted(there.items(), key=lambda it: it[0]):
        for kind in KINDS:
            if operation in READS and kind.endswith("_after"):
                continue
            refused, put_out = kind == REFUSAL, operation.startswith("kick_")
            bounds = Bounds(refusals=refused, put_out_late=put_out, late_seconds=LATE_SECONDS)
            yield Trouble(
                f"{part} {operation} {kind}",
                part,
                struck(operation, kind),
                operation=operation,
                lure=lure,
                bounds=bounds,
            )


def struck(operation: str, kind: str) -> tuple[JSON, ...]:
    """Return faults for the calls of `operation`."""
    times = SELDOM.get(operation, TIMES)
    return tuple({"operation": operation, "kind": kind, "times": times, "match": about} for about in ABOUT)


def duplicates() -> Iterator[Trouble]:
    """Yield troubles in which a person was added without an answer, and a second add behaves in different ways."""
    for kind in UNANSWERED:
        for what in DUPLICATES:
            name = f"opening add_participant {kind}, a duplicate gives {what}"
            faults = struck("add_participant", kind)
            yield Trouble(name, faults=faults, operation="add_participant", switches={"duplicate_participant": what})


def unanswered(crashes: dict[str, str]) -> Iterator[Trouble]:
    """Yield troubles in which an answer or a worker is lost, and what was made is shown soon or late."""
    for operation in MAKING:
        for lag in LAGS if operation == "create_meeting" else (AT_ONCE, LATE):
            name = f"opening {operation}, the worker dies, found after {lag:g} s"
            yield Trouble(name, point=crashes[operation], switches=_shown_after(lag))
    for lag in LAGS:
        name = f"gathering create_meeting, the API dies, found after {lag:g} s"
        bounds = Bounds(lost_parents=1 if lag == LATE else 0)
        point = "api:call:create_meeting:after#1"
        yield Trouble(name, point=point, switches=_shown_after(lag), bounds=bounds)
    for lag in (SOON, LATE):  # those at once are among `faults`
        for kind in UNANSWERED:
            yield _unanswered(Part.OPENING, "create_meeting", kind, lag)
        yield _unanswered(Part.GATHERING, "create_meeting", "timeout_after", lag)
    for operation in MAKING[1:]:
        yield _unanswered(Part.OPENING, operation, "timeout_after", LATE)


def _shown_after(seconds: float) -> JSON:
    """Return the switches by which neither a search nor a list shows a new meeting before."""
    return {"search_lag_seconds": seconds, "list_lag_seconds": seconds}


def _unanswered(part: Part, operation: str, kind: str, lag: float) -> Trouble:
    late = lag == LATE and part is Part.GATHERING
    return Trouble(
        f"{part} {operation} {kind}, found after {lag:g} s",
        part,
        struck(operation, kind),
        operation=operation,
        switches=_shown_after(lag),
        bounds=Bounds(lost_parents=TIMES if late else 0, late_seconds=LATE_SECONDS),
    )


def deaths(trace: Sequence[str]) -> dict[str, str]:
    """Choose a point for each operation that makes something: after its effect and before its record, in a room."""
    found = {}
    for operation in MAKING:
        call = f"worker:call:{operation.removesuffix('s')}"  # the client's method is called start_recording
        passed = [line for line in trace if line.startswith(call) and ":after#" in line]
        found[operation] = passed[-3]
    return found


def long_ones() -> Iterator[Trouble]:
    """Yield Cloudflare's block and an outage, each while opening and while closing."""
    for part, operation in ((Part.OPENING, "add_participant"), (Part.CLOSING, "pause_resume_stop_recording")):
        yield Trouble(
            f"{part}, blocked for {BLOCK_SECONDS} s",
            part,
            ({"operation": operation, "kind": "blocked", "seconds": BLOCK_SECONDS},),
            patience_seconds=BLOCK_SECONDS + SPARE_SECONDS,
            most_turned_away=32,
        )
    away = partial(outage, seconds=OUTAGE_SECONDS)
    for part in (Part.OPENING, Part.CLOSING):
        yield Trouble(f"{part}, an outage of {OUTAGE_SECONDS} s", part, deed=away, patience_seconds=SPARE_SECONDS)
    unrecorded = Bounds(late_seconds=LATE_SECONDS, problems=frozenset({"recording interrupted"}))
    yield Trouble(
        f"opening, an outage of {OUTAGE_SECONDS} s when one room is open",
        faults=tuple(
            {"operation": "create_meeting", "kind": "error_before", "match": f" · Room {number} [", "times": None}
            for number in range(2, ROOMS + 1)
        ),
        deed=partial(outage_in_the_middle, seconds=OUTAGE_SECONDS),
        bounds=unrecorded,  # people wait in their rooms
        patience_seconds=SPARE_SECONDS,
    )


def sample(troubles: Sequence[Trouble], size: int, seed: int) -> list[Trouble]:
    """Return a sample, the same for the same seed."""
    return random.Random(seed).sample(list(troubles), min(size, len(troubles)))
