"""Kill each process at each point of a lifecycle: `python -m tests.chaos.sweep`, or `make chaos`.

A first pass without a crash lists the points: before and after each call to RealtimeKit, each commit that writes, each
message. Then the first and the last instance of each is deadly once. Several lanes run side by side, each with a
database, broker and sandbox of its own. A line for every point says what became of it; where a rule was broken the logs
are kept, and `--point '…' --seed N` plays it again.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from tests.chaos import points
from tests.chaos.pool import LANES, Pool, Tale, pool_in
from tests.chaos.story import Outcome, play
from tests.chaos.tracing import NOWHERE

TRACES = 2


def sweep(pool: Pool, todo: Sequence[str] | None, size: int | None, seed: int) -> Iterator[Outcome]:
    """The outcome of each point, as it comes: of those to do, else of all (or of a sample of `size`)."""
    if todo is None:
        traces = list(pool.play([_tale(NOWHERE, seed)] * TRACES))
        yield from traces
        todo = points.points([outcome.trace for outcome in traces])
        todo = points.sample(todo, len(todo) if size is None else size, seed)
    yield from pool.play([_tale(point, seed) for point in todo])


def _tale(point: str, seed: int) -> Tale[Outcome]:
    return partial(play, point=point, seed=seed)


def main(arguments: Sequence[str]) -> int:
    """1 when a rule was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.sweep", description=__doc__)
    parser.add_argument("--point", action="append", help="play only this one (repeatable)")
    parser.add_argument("--sample", type=int, help="only so many, chosen by the seed")
    parser.add_argument("--seed", type=int, default=1, help="of the sample, the order, and of who sits where")
    parser.add_argument("--lanes", type=int, default=LANES, help="systems side by side")
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="breakouts-chaos-"))
    begun = time.monotonic()
    outcomes = []
    with pool_in(folder, options.lanes) as pool:
        for outcome in sweep(pool, options.point, options.sample, options.seed):
            outcomes.append(outcome)
            _tell(outcome, options.seed)
    print("\n".join(table(outcomes)))
    broken = [outcome for outcome in outcomes if outcome.violations]
    print(f"{len(outcomes)} runs, {len(broken)} with violations, {time.monotonic() - begun:.0f} s")
    if broken:
        print(f"the logs are in {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if broken else 0


def _tell(outcome: Outcome, seed: int) -> None:
    fate = "killed" if outcome.killed else "no crash" if outcome.point == NOWHERE else "not reached"
    print(f"{outcome.seconds:5.1f} s  {fate:<11}  {outcome.point}", flush=True)
    for words in outcome.violations:
        print(f"    {words}\n    again: --point '{outcome.point}' --seed {seed} (run {outcome.run})", flush=True)


def table(outcomes: Iterable[Outcome]) -> list[str]:
    """A line per site: runs, how many of them killed, violations, and the slowest run."""
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
