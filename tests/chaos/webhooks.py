"""Lifecycles with webhooks that come late, twice, in another order, or never: `python -m tests.chaos.webhooks`.

A relay between RealtimeKit and the API treats each delivery by a random number. Whatever it does, the breakout must
end as with all deliveries in order, and those that are held until all is over must change nothing. The runs take turns
in the rows of switches.py, and each prints its own.
"""

import itertools
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from sqlalchemy import func, select
from sqlmodel import col

from schemas.tables import Fact
from tests.chaos.command import Words, parser, run
from tests.chaos.lane import Lane
from tests.chaos.pool import Tale
from tests.chaos.story import Mischief, Outcome, play
from tests.chaos.switches import allowed, in_turn, row_label, rows
from tests.chaos.tracing import NOWHERE
from tests.support.invariants import Bounds
from tests.support.relay import Relay, Weather
from tests.support.stack import JSON

WEATHERS = {
    "late": Weather(late=100, late_seconds=8),
    "twice": Weather(twice=100, late_seconds=3),
    "lost": Weather(lost=60),
    "silence": Weather(lost=100),
    "held": Weather(held=50),
    "all held": Weather(held=100),
    "mixed": Weather(lost=20, held=20, late=30, twice=20),
}
STILL_WAITING = select(func.count()).select_from(Fact).where(col(Fact.applied_at).is_(None))
LANES, SEEDS = 2, 3
ROWS_SEED = 1
"""Of the rows of switches; the other seed says how the relay treats each delivery."""


@dataclass(frozen=True)
class Told(Outcome):
    """The result of one run, and its weather."""

    weather: str = ""
    seed: int = 0
    row: int = 0
    fates: str = ""
    """How many deliveries were treated in each way."""


def play_in(weather: str, seed: int, row: int, lane: Lane, run: str) -> Told:
    """Play one lifecycle in this weather and row of switches, and check whether later deliveries change anything."""
    switches = rows(ROWS_SEED)[row]
    changed: list[str] = []
    with Relay(lane.stack.url, WEATHERS[weather], seed) as relay, _webhook_at(lane, relay.url):
        bounds = allowed(Bounds(), switches)
        mischief = Mischief(afterwards=lambda lane: changed.extend(_release(lane, run, relay)), bounds=bounds)
        outcome = play(lane, run, point=NOWHERE, seed=seed, mischief=mischief, switches=switches)
    outcome.violations.extend(changed)
    return Told(**vars(outcome), weather=weather, seed=seed, row=row, fates=str(dict(relay.fates)))


@contextmanager
def _webhook_at(lane: Lane, url: str) -> Iterator[None]:
    """Point the webhook there inside the block, and then back to the API."""
    ours = lane.stack.environment["PUBLIC_URL"]
    lane.stack.environment["PUBLIC_URL"] = url
    try:
        lane.stack.register_webhook()
        yield
    finally:
        lane.stack.environment["PUBLIC_URL"] = ours
        lane.stack.register_webhook()


def _release(lane: Lane, run: str, relay: Relay) -> Iterator[str]:
    """Release the held deliveries, and return what they changed in a breakout that was over."""
    if not relay.held:
        return
    before = _breakout(lane, run)
    relay.release()
    lane.wait(lambda: not _waiting(lane), "an end of what was held")
    after = _breakout(lane, run)
    for name in ("state", "close_reason", "progress", "rooms", "problems"):
        if before and after and before[name] != after[name]:
            yield f"what came afterwards changed {name}: {before[name]} to {after[name]}"


def _breakout(lane: Lane, run: str) -> JSON | None:
    """Return the breakout of this run; None if there is none or it has not ended."""
    meeting = next(one for one in lane.ask("GET", "/v1/meetings?limit=200")["items"] if one["title"] == run)
    made = lane.ask("GET", f"/v1/meetings/{meeting['id']}/breakouts")["items"]
    found = lane.ask("GET", f"/v1/breakouts/{made[0]['id']}") if made else None
    return found if found and found["state"] == "closed" else None


def _waiting(lane: Lane) -> bool:
    """Whether deliveries wait to be applied."""
    with lane.stack.parts() as deps, deps.database.reading() as session:
        return bool(session.scalar(STILL_WAITING))


def tales(weathers: Sequence[str], seeds: Sequence[int], row: int | None) -> Iterator[Tale[Told]]:
    """Yield each of these weathers with each of these seeds, in turn in each row or all in the same."""
    numbers = in_turn(ROWS_SEED) if row is None else itertools.repeat(row)
    for weather in weathers:
        for seed in seeds:
            yield partial(play_in, weather, seed, next(numbers))


def main(arguments: Sequence[str]) -> int:
    """Play all of them. Returns 1 if a rule was broken."""
    options = parser("webhooks", __doc__, lanes=LANES)
    options.add_argument("--weather", action="append", choices=sorted(WEATHERS), help="only this one (repeatable)")
    options.add_argument("--seeds", type=int, default=SEEDS, help="how many runs in each, from --seed on")
    options.add_argument("--row", type=int, help="all in this row of switches")
    told = options.parse_args(arguments)
    seeds = range(told.seed, told.seed + told.seeds)
    words = Words(_line, lambda it: f"--weather '{it.weather}' --seed {it.seed} --seeds 1 --row {it.row}", table)
    todo = tales(told.weather or list(WEATHERS), seeds, told.row)
    return run("webhooks", told.lanes, lambda pool: pool.play(todo), words)


def _line(told: Told) -> str:
    return f"{told.weather:<8}  {row_label(told.row)}  seed {told.seed}  {told.fates}"


def table(told: Sequence[Told]) -> list[str]:
    """Return a line per weather: runs, and those that were wrong."""
    runs, broken = Counter(it.weather for it in told), Counter(it.weather for it in told if it.faults)
    return [f"{'weather':<8} runs violations", *(f"{name:<8} {runs[name]:>4} {broken[name]:>10}" for name in runs)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
