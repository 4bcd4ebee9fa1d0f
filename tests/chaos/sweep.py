"""Kill each process at each point of a lifecycle: `python -m tests.chaos.sweep`, or `make chaos`.

A first pass without a crash lists the points: before and after each call to RealtimeKit, each commit that writes, each
message. Then the first and the last instance of each is deadly once. Several lanes run side by side, each with a
database, broker and sandbox of its own. A line for every point says what became of it; where a rule was broken the logs
are kept, and `--point '…' --seed N` plays it again.
"""

import argparse
import itertools
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from multiprocessing import util
from pathlib import Path

from tests.chaos import points
from tests.chaos.lane import Lane, lane_in
from tests.chaos.story import Outcome, play
from tests.chaos.tracing import NOWHERE
from tests.support.databases import migrate_url
from tests.support.postgres import postgres

LANES = 4
TRACES = 2


@dataclass
class _Mine:
    """The lane of this process of the pool, and what ends with it."""

    lane: Lane
    stack: ExitStack


_mine: list[_Mine] = []
_numbers = itertools.count(1)


def _open_lane(folder: Path, urls: "multiprocessing.Queue[str]") -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    mine = folder / f"lane-{os.getpid()}"
    mine.mkdir()
    stack = ExitStack()
    _mine.append(_Mine(stack.enter_context(lane_in(mine, urls.get())), stack))
    util.Finalize(None, stack.close, exitpriority=10)


def _end_with_parent() -> None:
    """A sweep that is killed leaves nothing behind: the kernel ends the lane's processes with this one."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)


def _play(point: str, *, seed: int) -> Outcome:
    run = f"{os.getpid()}r{next(_numbers)}"
    return play(_mine[0].lane, point, run, seed)


class Sweep:
    """Lanes that play one point after the other."""

    def __init__(self, folder: Path, lanes: int, seed: int) -> None:
        self.folder, self._lanes, self._seed = folder, lanes, seed

    def run(self, todo: Sequence[str] | None, size: int | None) -> Iterator[Outcome]:
        """The outcome of each point, as it comes: of those to do, else of all (or of a sample of `size`)."""
        context = multiprocessing.get_context("spawn")
        with postgres() as server:
            urls = context.Queue()
            for _ in range(self._lanes):
                urls.put(server.migrated(migrate_url))
            start = partial(_open_lane, self.folder, urls)
            with ProcessPoolExecutor(self._lanes, context, initializer=start) as pool:
                play_it = partial(_play, seed=self._seed)
                if todo is None:
                    traces = list(pool.map(play_it, [NOWHERE] * TRACES))
                    yield from traces
                    todo = points.points([outcome.trace for outcome in traces])
                    todo = points.sample(todo, len(todo) if size is None else size, self._seed)
                yield from (future.result() for future in [pool.submit(play_it, point) for point in todo])


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
    for outcome in Sweep(folder, options.lanes, options.seed).run(options.point, options.sample):
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
