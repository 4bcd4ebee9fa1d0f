"""Kill each process at each point of a lifecycle: `python -m tests.chaos.sweep`, or `make chaos`.

A first pass without a crash lists the points: before and after each call to RealtimeKit, each commit that writes, each
message. Then the first and the last instance of each is deadly once (points.py). Several lanes run side by side, each
with a database, broker and sandbox of its own. The runs take turns in the ways in which a search may match, because a
process that died may have made a meeting that only a search or a list can find. Each point prints its result in a line.
Where a rule was broken the logs are kept, and `--point '…' --seed N --search …` repeats the run.
"""

import itertools
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from tests.chaos import points
from tests.chaos.command import Words, parser, run
from tests.chaos.pool import Pool, Tale
from tests.chaos.story import Outcome, play
from tests.chaos.switches import SEARCHES
from tests.chaos.tracing import NOWHERE

TRACES = 2


def sweep(
    pool: Pool, todo: Sequence[str] | None, size: int | None, seed: int, searches: Sequence[str]
) -> Iterator[Outcome]:
    """Yield the outcome of each of these points, or of all, or of a sample of `size`."""
    if todo is None:
        traces = list(pool.play([_tale(NOWHERE, seed, SEARCHES[0])] * TRACES))
        yield from traces
        todo = points.points([outcome.trace for outcome in traces])
        todo = points.sample(todo, len(todo) if size is None else size, seed)
    yield from pool.play([_tale(point, seed, search) for point, search in zip(todo, itertools.cycle(searches))])


def _tale(point: str, seed: int, search: str) -> Tale[Outcome]:
    return partial(play, point=point, seed=seed, switches={"search_matches": search})


def main(arguments: Sequence[str]) -> int:
    """Play all points. Returns 1 if a rule was broken."""
    options = parser("sweep", __doc__)
    options.add_argument("--point", action="append", help="play only this one (repeatable)")
    options.add_argument("--sample", type=int, help="only so many, chosen by the seed")
    options.add_argument("--search", action="append", choices=SEARCHES, help="only this way to match (repeatable)")
    told = options.parse_args(arguments)
    words = Words(_line, lambda it: f"--point '{it.point}' --seed {told.seed} --search {_search(it)}", table)
    searches = told.search or SEARCHES
    return run("sweep", told.lanes, lambda pool: sweep(pool, told.point, told.sample, told.seed, searches), words)


def _search(outcome: Outcome) -> str:
    return str(outcome.switches["search_matches"])


def _line(outcome: Outcome) -> str:
    fate = "killed" if outcome.killed else "no crash" if outcome.point == NOWHERE else "not reached"
    return f"{fate:<11}  {_search(outcome):<10}  {outcome.point}"


def table(outcomes: Iterable[Outcome]) -> list[str]:
    """Return a line per site: runs, how many killed, violations, and the slowest run."""
    by_site: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_site[points.site_of(outcome.point)].append(outcome)
    lines = [f"{'site':<90} runs killed violations seconds"]
    for site, mine in sorted(by_site.items()):
        killed, broken = sum(bool(it.killed) for it in mine), sum(bool(it.violations) for it in mine)
        lines.append(f"{site:<90} {len(mine):>4} {killed:>6} {broken:>10} {max(it.seconds for it in mine):>7.1f}")
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
