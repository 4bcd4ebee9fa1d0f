"""Kill each process at each point of a lifecycle: `python -m tests.chaos.sweep`, or `make chaos`.

A first pass without a crash lists the points: before and after each call to RealtimeKit, each commit that writes, each
message. Then the first and the last instance of each is deadly once (points.py). Several lanes run side by side, each
with a database, broker and sandbox of its own. The runs take turns in the ways in which a search may match, because a
process that died may have made a meeting that only a search or a list can find. Each point prints its result in a line.
Where a rule was broken the logs are kept, and `--tale … --point '…' --seed N --search …` repeats the run. `--tale
'there and back'` is about people who are moved to another room and back, and `--tale 'rounds and rooms'` about two
rounds with moves, a latecomer, an added and a deleted room, and an endpoint that hears of it, each with the points that
the plain tale does not pass.
"""

import itertools
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from tests.chaos import points
from tests.chaos.command import Words, parser, run
from tests.chaos.lively import rounds_and_rooms
from tests.chaos.moves import there_and_back
from tests.chaos.pool import Pool, Tale
from tests.chaos.story import Outcome, play
from tests.chaos.switches import SEARCHES
from tests.chaos.tracing import NOWHERE

TRACES = 2
PLAIN = "plain"
TALES: dict[str, Callable[..., Outcome]] = {
    PLAIN: play,
    "there and back": there_and_back,
    "rounds and rooms": rounds_and_rooms,
}


@dataclass(frozen=True)
class Part:
    """What all runs of a sweep share."""

    name: str
    """The name of the tale."""
    seed: int
    searches: Sequence[str]
    """The ways in which a search may match."""

    def tale(self, point: str, search: str = SEARCHES[0]) -> Tale[Outcome]:
        """Return the tale with a crash at `point`."""
        return partial(TALES[self.name], point=point, seed=self.seed, switches={"search_matches": search})


def sweep(pool: Pool, part: Part, todo: Sequence[str] | None, size: int | None) -> Iterator[Outcome]:
    """Yield the outcome of each of these points, or of all, or of a sample of `size`."""
    if todo is None:
        traces = list(pool.play([part.tale(NOWHERE)] * TRACES))
        yield from traces
        todo = points.points([outcome.trace for outcome in traces])
        if part.name != PLAIN:
            plain = list(pool.play([replace(part, name=PLAIN).tale(NOWHERE)] * TRACES))
            todo = points.only_in(todo, [outcome.trace for outcome in plain])
        todo = points.sample(todo, len(todo) if size is None else size, part.seed)
    searches = itertools.cycle(part.searches)
    yield from pool.play([part.tale(point, search) for point, search in zip(todo, searches, strict=False)])


def main(arguments: Sequence[str]) -> int:
    """Play all points. Returns 1 if a rule was broken."""
    options = parser("sweep", __doc__)
    options.add_argument("--tale", choices=TALES, default=PLAIN, help="what people do meanwhile")
    options.add_argument("--point", action="append", help="play only this one (repeatable)")
    options.add_argument("--sample", type=int, help="only so many, chosen by the seed")
    options.add_argument("--search", action="append", choices=SEARCHES, help="only this way to match (repeatable)")
    told = options.parse_args(arguments)
    part = Part(told.tale, told.seed, told.search or SEARCHES)
    repeat = f"--tale '{told.tale}' --seed {told.seed}"
    words = Words(_line, lambda it: f"{repeat} --point '{it.point}' --search {_search(it)}", table)
    return run("sweep", told.lanes, lambda pool: sweep(pool, part, told.point, told.sample), words)


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
