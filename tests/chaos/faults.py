"""Let RealtimeKit fail: `python -m tests.chaos.faults`, or `make faults`.

The first runs show which operations are called in which part of a lifecycle: undisturbed, and with the lures that cause
calls which only failures cause. Then each operation fails in each way, at first and at its retry. Cloudflare blocks
everything, RealtimeKit is away, and things that were made without an answer are found soon, late or twice.

What RealtimeKit's documentation leaves open goes one way or another in each run: the runs take turns in the rows of
switches.py, in which each pair of two switches' positions occurs. Each run prints its result and its row in a line.
Where a rule was broken the logs are kept, and `--only '…' --seed N --row M` repeats the run.
"""

import itertools
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from functools import partial

from tests.chaos import matrix
from tests.chaos.command import Words, parser, run
from tests.chaos.pool import Pool, Tale
from tests.chaos.switches import in_turn, row_label
from tests.chaos.trouble import Fate, Trouble, meet


def play_all(pool: Pool, only: str, size: int | None, seed: int, row: int | None) -> Iterator[Fate]:
    """Yield the result of each run whose name matches `only`, or of `size` of them; scouts come first.

    Scouts leave all switches as usual. The others take turns in the rows, or have all the same `row`.
    """
    scouted = {fate.name: fate for fate in pool.play([_tale(trouble, seed) for trouble in matrix.scouts()])}
    yield from scouted.values()
    if any(fate.violations for fate in scouted.values()):
        return  # what fails without trouble proves nothing with it
    in_order = [scouted[trouble.name] for trouble in matrix.scouts()]
    numbers = in_turn(seed) if row is None else itertools.repeat(row)
    everything = [replace(trouble, row=next(numbers)) for trouble in matrix.everything(in_order)]
    todo = [trouble for trouble in everything if fnmatch(trouble.name, only)]
    todo = todo if size is None else matrix.sample(todo, size, seed)
    yield from pool.play([_tale(trouble, seed) for trouble in todo])


def _tale(trouble: Trouble, seed: int) -> Tale[Fate]:
    return partial(meet, trouble=trouble, seed=seed)


def main(arguments: Sequence[str]) -> int:
    """Play all runs. Returns 1 if a rule was broken."""
    options = parser("faults", __doc__)
    options.add_argument("--only", default="*", help="those whose name matches, as in *outage*")
    options.add_argument("--sample", type=int, help="only so many, chosen by the seed")
    options.add_argument("--row", type=int, help="all in this row of switches")
    told = options.parse_args(arguments)
    words = Words(_line, lambda it: f"--only '{it.name}' --seed {told.seed} --row {it.row} {it.switches}", table)
    return run("faults", told.lanes, lambda pool: play_all(pool, told.only, told.sample, told.seed, told.row), words)


def _line(fate: Fate) -> str:
    return f"{fate.verdict:<11}  {row_label(fate.row)}  {fate.name}"


def table(fates: Iterable[Fate]) -> list[str]:
    """Return a line per operation and part: runs, calls that failed, violations, and the slowest run."""
    by_site: dict[str, list[Fate]] = defaultdict(list)
    for fate in fates:
        by_site[fate.site].append(fate)
    lines = [f"{'what':<60} runs not met struck killed violations seconds"]
    for site, mine in sorted(by_site.items()):
        missed, struck = sum(it.verdict == "not met" for it in mine), sum(it.struck for it in mine)
        killed, broken = sum(it.killed for it in mine), sum(bool(it.violations) for it in mine)
        slowest = max(it.seconds for it in mine)
        lines.append(f"{site:<60} {len(mine):>4} {missed:>7} {struck:>6} {killed:>6} {broken:>10} {slowest:>7.1f}")
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
