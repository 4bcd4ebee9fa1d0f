"""What the commands here share: lanes, a line for each run when it ends, a table, and the logs of failures."""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from tests.chaos.pool import LANES, Pool, Told, pool_in


@dataclass(frozen=True)
class Words(Generic[Told]):
    """The texts that a command prints of its runs."""

    line: Callable[[Told], str]
    """The result of a run."""
    again: Callable[[Told], str]
    """The options that repeat a run."""
    table: Callable[[Sequence[Told]], list[str]]
    """The lines about all runs, at the end."""


def parser(name: str, words: str | None, *, lanes: int = LANES) -> argparse.ArgumentParser:
    """Make a parser with the options that every command has."""
    made = argparse.ArgumentParser(prog=f"python -m tests.chaos.{name}", description=words)
    made.add_argument("--seed", type=int, default=1, help="of who sits where, and of all that is left to chance")
    made.add_argument("--lanes", type=int, default=lanes, help="systems side by side")
    return made


def run(name: str, lanes: int, play: Callable[[Pool], Iterable[Told]], words: Words[Told]) -> int:
    """Play and print all runs. Returns 1, and keeps the logs, if any rule was broken."""
    folder = Path(tempfile.mkdtemp(prefix=f"breakouts-{name}-"))
    begun, outcomes = time.monotonic(), []
    with pool_in(folder, lanes) as pool:
        for outcome in play(pool):
            outcomes.append(outcome)
            _tell(outcome, words)
    print("\n".join(words.table(outcomes)))
    broken = [outcome for outcome in outcomes if outcome.faults]
    print(f"{len(outcomes)} runs, {len(broken)} with faults, {time.monotonic() - begun:.0f} s")
    if broken:
        print(f"the logs are in {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if broken else 0


def _tell(outcome: Told, words: Words[Told]) -> None:
    print(f"{outcome.seconds:5.1f} s  {words.line(outcome)}", flush=True)
    for fault in outcome.faults:
        print(f"    {fault}\n    again: {words.again(outcome)} (run {outcome.run})", flush=True)
