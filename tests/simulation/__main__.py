"""Play many seeds, shrink what fails, and print it as a table of events: `make simulate SEEDS=…`."""

import argparse
import gc
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

from tests.simulation.postgres import Postgres
from tests.simulation.runs import Player, Run
from tests.support.databases import migrate_url
from tests.support.postgres import postgres

REPORT_SECONDS = 60.0
YOUNG_OBJECTS = 50_000
"""How many objects are made before garbage is looked for."""


def main(arguments: Sequence[str]) -> int:
    """Play seeds. Returns 1 if a rule was broken."""
    options = argparse.ArgumentParser("python -m tests.simulation", description=__doc__)
    options.add_argument("--seeds", type=int, default=1000, help="how many")
    options.add_argument("--first", type=int, default=1, help="the first of them")
    options.add_argument("--seed", type=int, help="only this one, and tell its story even if nothing is wrong")
    options.add_argument("--postgresql", action="store_true", help="over PostgreSQL instead of SQLite in memory")
    options.add_argument("--stop", action="store_true", help="stop at the first that fails")
    told = options.parse_args(arguments)
    with ExitStack() as stack:
        kept = Postgres(stack.enter_context(postgres()).migrated(migrate_url)) if told.postgresql else None
        player = Player(kept)
        gc.freeze()  # what stays until the end need not be looked through again and again
        gc.set_threshold(YOUNG_OBJECTS)
        return _many(player, told) if told.seed is None else _one(player, told.seed)


def _many(player: Player, told: argparse.Namespace) -> int:
    failed = 0
    begun, said_at = time.process_time(), time.monotonic()
    for number, seed in enumerate(range(told.first, told.first + told.seeds), 1):
        run = player.play(seed)
        if run.violations:
            failed += 1
            print(f"seed {seed} failed: {run.violations[0]}", flush=True)
            tell(player.shrink(run))
            if told.stop:
                return 1
        if time.monotonic() - said_at > REPORT_SECONDS:
            said_at = time.monotonic()
            _say(number, failed, time.process_time() - begun)
    _say(told.seeds, failed, time.process_time() - begun)
    return int(failed > 0)


def _one(player: Player, seed: int) -> int:
    run = player.play(seed, told=True)
    tell(player.shrink(run) if run.violations else run)
    return int(bool(run.violations))


def _say(lifecycles: int, failed: int, seconds: float) -> None:
    print(f"{lifecycles} lifecycles, {failed} failed, {60 * lifecycles / seconds:.0f} in a minute of CPU", flush=True)


def tell(run: Run) -> None:
    """Print a story: what was unusual, and what happened."""
    print(f"\nseed {run.seed}: {len(run.twists)} unusual things, {run.seconds:.0f} s of virtual time")
    for line in run.tale:
        print(line)
    for words in run.violations or ["no rule was broken"]:
        print(f"=> {words}")
    print(flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
