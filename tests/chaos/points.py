"""Points of a crash, `kind:site:when#instance`, and which of the traced ones are worth a run."""

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from tests.chaos.tracing import STRUCK


def passes(trace: Iterable[str]) -> Counter[str]:
    """Count how often each place was passed in one run."""
    return Counter(line.rsplit("#", 1)[0] for line in trace if not line.startswith(STRUCK))


def points(traces: Sequence[Iterable[str]]) -> list[str]:
    """Return the first and the last instance of each place; of a commit, the last of its busiest set of tables.

    Runs pass a place differently often, so the last instance is that of the run with the fewest.
    """
    counted = [passes(trace) for trace in traces]
    last = {place: min(counts[place] for counts in counted if place in counts) for place in set().union(*counted)}
    busiest: dict[str, str] = {}
    for place in sorted(last, key=lambda place: (last[place], place)):
        busiest[_in_code(place)] = place
    instances = {f"{place}#1" for place in last} | {f"{place}#{last[place]}" for place in busiest.values()}
    return sorted(instances)


def only_in(found: Iterable[str], others: Sequence[Iterable[str]]) -> list[str]:
    """Return the points whose place in the code no other run passed."""
    passed = {_in_code(place) for trace in others for place in passes(trace)}
    return [point for point in found if _in_code(point.rsplit("#", 1)[0]) not in passed]


def _in_code(place: str) -> str:
    """Return the place in the code, without the tables that are written."""
    return re.sub(r"\[.*\]", "", place)


def sample(found: Sequence[str], size: int, seed: int) -> list[str]:
    """Return a sample, the same for the same seed."""
    return random.Random(seed).sample(list(found), min(size, len(found)))


def site_of(point: str) -> str:
    """Return the site that has a line in the table."""
    return point.rsplit(":", 1)[0]
