"""Points of a crash, `kind:site:when#instance`, and which of those that were traced are worth one."""

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from tests.chaos.tracing import STRUCK


def passes(trace: Iterable[str]) -> Counter[str]:
    """How often each place was passed in one run."""
    return Counter(line.rsplit("#", 1)[0] for line in trace if not line.startswith(STRUCK))


def points(traces: Sequence[Iterable[str]]) -> list[str]:
    """The first instance of each place, and the last: of a commit that of its busiest kind, by the tables it writes to.

    How often a place is passed differs between runs, so the last is that of the run which passed it least.
    """
    counted = [passes(trace) for trace in traces]
    last = {place: min(counts[place] for counts in counted if place in counts) for place in set().union(*counted)}
    busiest: dict[str, str] = {}
    for place in sorted(last, key=lambda place: (last[place], place)):
        busiest[_in_code(place)] = place
    instances = {f"{place}#1" for place in last} | {f"{place}#{last[place]}" for place in busiest.values()}
    return sorted(instances)


def _in_code(place: str) -> str:
    """Where it stands in the code, whatever is written there."""
    return re.sub(r"\[.*\]", "", place)


def sample(found: Sequence[str], size: int, seed: int) -> list[str]:
    """Some of them, the same ones for the same seed."""
    return random.Random(seed).sample(list(found), min(size, len(found)))


def site_of(point: str) -> str:
    """What the table has a line for."""
    return point.rsplit(":", 1)[0]
