"""Playing seeds, and shrinking the story of one that fails."""

import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from tests.simulation.lifecycle import play
from tests.simulation.luck import Twist
from tests.simulation.simulation import Simulation
from tests.simulation.store import Kept, Memory


@dataclass(frozen=True)
class Run:
    """One run and what was wrong with it."""

    seed: int
    violations: list[str]
    twists: list[Twist]
    tale: list[str] = field(default_factory=list, repr=False)
    """What happened, a line each, if it was to be told."""
    seconds: float = 0.0
    """Its virtual length."""

    @property
    def rule(self) -> str:
        """The rule that was broken first."""
        return self.violations[0].partition(":")[0] if self.violations else ""


class Player:
    """Plays any number of runs over one database, by default in memory."""

    def __init__(self, kept: Kept | None = None) -> None:
        logging.disable(logging.CRITICAL)  # what goes wrong on purpose fills no terminal
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        self._kept = kept or Memory()

    def play(self, seed: int, only: Collection[str] | None = None, *, told: bool = False) -> Run:
        """Play a seed. With `only`, nothing but these twists happens."""
        simulation = Simulation(self._kept, seed, only, told=told)
        try:
            simulation.run(play)
        except Exception as error:  # a bug of the simulation itself, or of the engine where no task stands between
            simulation.violations.append(f"{type(error).__name__}: {error}")
            with suppress(Exception):
                self._kept.reset()
        return Run(seed, simulation.violations, simulation.luck.twists, simulation.tale, simulation.luck.now)

    def shrink(self, run: Run) -> Run:
        """Return the shortest story of this seed that breaks the same rule, told."""
        names = [twist.name for twist in run.twists]
        kept = minimised(names, lambda some: self.play(run.seed, some).rule == run.rule)
        return self.play(run.seed, kept, told=True)


def minimised(things: Sequence[str], fails: Callable[[Sequence[str]], bool]) -> list[str]:
    """Return a subset that fails, of which no single thing can be taken away: delta debugging."""
    kept, parts = list(things), 2
    if not fails(kept):
        return kept
    while kept:
        size = max(1, -(-len(kept) // parts))
        chunks = [kept[start : start + size] for start in range(0, len(kept), size)]
        without = ([it for it in kept if it not in chunk] for chunk in chunks)
        smaller = next((rest for rest in without if fails(rest)), None)
        if smaller is not None:
            kept, parts = smaller, max(2, parts - 1)
        elif size == 1:
            break
        else:
            parts = min(len(kept), parts * 2)
    return kept
