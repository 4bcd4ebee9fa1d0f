"""Points of a crash, `kind:site:when#instance`, and which of those that were traced are worth one."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence

from tests.chaos.tracing import STRUCK


def passes(trace: Iterable[str]) -> Counter[str]:
    """How often each place was passed in one run."""
    return Counter(line.rsplit("#", 1)[0] for line in trace if not line.startswith(STRUCK))


def points(traces: Sequence[Iterable[str]]) -> list[str]:
    """The first and the last instance of each place.

    How often a place is passed differs between runs, so the last is that of the run which passed it least.
    """
    counted = [passes(trace) for trace in traces]
    found: list[str] = []
    for place in sorted(set().union(*counted)):
        last = min(counts[place] for counts in counted if place in counts)
        found += [f"{place}#{instance}" for instance in sorted({1, last})]
    return found


def sample(found: Sequence[str], size: int, seed: int) -> list[str]:
    """Some of them, the same ones for the same seed."""
    return random.Random(seed).sample(list(found), min(size, len(found)))


def site_of(point: str) -> str:
    """What the table has a line for."""
    return point.rsplit(":", 1)[0]
