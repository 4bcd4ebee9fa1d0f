"""Have RealtimeKit make trouble: `python -m tests.chaos.faults`, or `make faults`.

First runs show which operations are called in which part of a lifecycle: undisturbed, and with what leads to those that
are called under trouble only. Then each of them fails in each way, at first and at its retry; Cloudflare blocks
everything, and RealtimeKit is away; what was made without our hearing of it is found soon, late or twice. A line for
every run says what became of it; where a rule was broken the logs are kept, and `--only '…' --seed N` plays it again.
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

from tests.chaos import matrix
from tests.chaos.pool import LANES, Pool, Tale, pool_in
from tests.chaos.trouble import Fate, Trouble, meet


def play_all(pool: Pool, only: str, size: int | None, seed: int) -> Iterator[Fate]:
    """The fate of each run whose name contains `only` (or of `size` of them), as it comes; the scouts' at first."""
    scouted = {fate.name: fate for fate in pool.play([_tale(trouble, seed) for trouble in matrix.scouts()])}
    yield from scouted.values()
    if any(fate.violations for fate in scouted.values()):
        return  # what fails without trouble says nothing with it
    in_order = [scouted[trouble.name] for trouble in matrix.scouts()]
    todo = [trouble for trouble in matrix.everything(in_order) if only in trouble.name]
    todo = todo if size is None else matrix.sample(todo, size, seed)
    yield from pool.play([_tale(trouble, seed) for trouble in todo])


def _tale(trouble: Trouble, seed: int) -> Tale[Fate]:
    return partial(meet, trouble=trouble, seed=seed)


def main(arguments: Sequence[str]) -> int:
    """1 when a rule was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.faults", description=__doc__)
    parser.add_argument("--only", default="", help="those whose name contains this")
    parser.add_argument("--sample", type=int, help="only so many, chosen by the seed")
    parser.add_argument("--seed", type=int, default=1, help="of the sample, and of who sits where")
    parser.add_argument("--lanes", type=int, default=LANES, help="systems side by side")
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="breakouts-faults-"))
    begun = time.monotonic()
    fates = []
    with pool_in(folder, options.lanes) as pool:
        for fate in play_all(pool, options.only, options.sample, options.seed):
            fates.append(fate)
            _tell(fate, options.seed)
    print("\n".join(table(fates)))
    broken = [fate for fate in fates if fate.violations]
    missed = [fate for fate in fates if fate.verdict == "not met"]
    summary = f"{len(fates)} runs, {len(broken)} with violations, {len(missed)} not met"
    print(f"{summary}, {time.monotonic() - begun:.0f} s")
    if broken:
        print(f"the logs are in {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if broken else 0


def _tell(fate: Fate, seed: int) -> None:
    print(f"{fate.seconds:5.1f} s  {fate.verdict:<10}  {fate.name}", flush=True)
    for words in fate.violations:
        print(f"    {words}\n    again: --only '{fate.name}' --seed {seed} (run {fate.run})", flush=True)


def table(fates: Iterable[Fate]) -> list[str]:
    """A line for each operation and part: runs, calls that went wrong, violations, and the slowest run."""
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
