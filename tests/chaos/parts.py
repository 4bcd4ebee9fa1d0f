"""Let our own parts fail during a lifecycle: `python -m tests.chaos.parts`, or `make parts`.

Broker and database are emptied, killed, frozen and disconnected. Messages come twice and late. Processes freeze past
their leases and wake up, clocks are wrong. Each happens while a breakout opens and while it closes, where both make
sense, and is judged by the rules of every lifecycle. Work must also continue within a bound, which is measured.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import partial

from tests.chaos.command import Words, parser, run
from tests.chaos.lane import Lane
from tests.chaos.pool import Tale
from tests.chaos.scenarios import SCENARIOS
from tests.chaos.story import Outcome, play
from tests.chaos.tracing import NOWHERE
from tests.chaos.troubles import Recovery, Scene


@dataclass(frozen=True)
class Told(Outcome):
    """The result of a run, and how soon work continued in it."""

    name: str = ""
    recoveries: list[Recovery] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Broken rules, and missed bounds."""
        late = [it for it in self.recoveries if it.seconds > it.bound]
        return self.violations + [f"{it.what}: {it.seconds:.1f} s, more than {it.bound:g} s" for it in late]


def tell(lane: Lane, run: str, *, name: str, phase: str, seed: int) -> Told:
    """Play one lifecycle with one trouble."""
    scene = Scene(lane, phase)
    outcome = play(lane, run, point=NOWHERE, seed=seed, mischief=SCENARIOS[name](scene).mischief())
    return Told(**vars(outcome), name=f"{name}, {phase}", recoveries=scene.recoveries)


def tales(pattern: str, seed: int) -> Iterator[Tale[Told]]:
    """Yield all scenarios whose name matches, each in each of its phases."""
    for name, scenario in SCENARIOS.items():
        for phase in scenario.phases:
            if fnmatch(f"{name}, {phase}", pattern):
                yield partial(tell, name=name, phase=phase, seed=seed)


def main(arguments: Sequence[str]) -> int:
    """Play all scenarios. Returns 1 if a rule was broken or a bound missed."""
    options = parser("parts", __doc__)
    options.add_argument("--only", default="*", help="scenarios whose name matches, as in *frozen*")
    told = options.parse_args(arguments)
    words = Words(_line, lambda it: f"--only '{it.name}' --seed {told.seed}", table)
    return run("parts", told.lanes, lambda pool: pool.play(tales(told.only, told.seed)), words)


def _line(told: Told) -> str:
    return f"{told.name:<70}  {_went_on(told)}"


def table(told: Iterable[Told]) -> list[str]:
    """Return a line per scenario: the run's time, when work continued, and what was broken."""
    lines = [f"{'scenario':<70} seconds work went on  faults"]
    lines += [f"{it.name:<70} {it.seconds:>7.1f} {_went_on(it):<13} {len(it.faults):>6}" for it in told]
    return lines


def _went_on(told: Told) -> str:
    return ", ".join(f"{it.seconds:.1f} of {it.bound:g} s" for it in told.recoveries)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
