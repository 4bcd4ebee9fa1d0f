"""Lifecycles whose webhooks come late, twice, in another order, or never: `python -m tests.chaos.webhooks`.

Between RealtimeKit and the API stands a relay that rolls a die for each delivery. Whatever it does, the breakout must
end as it would have with all of them in order; and what is held until all is over must change nothing any more.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from sqlalchemy import func, select
from sqlmodel import col

from schemas.tables import Delivery
from tests.chaos.lane import Lane
from tests.chaos.pool import pool_in
from tests.chaos.story import Mischief, Outcome, play
from tests.chaos.tracing import NOWHERE
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
STILL_WAITING = select(func.count()).select_from(Delivery).where(col(Delivery.applied_at).is_(None))
LANES, SEEDS = 2, 3


def play_in(weather: Weather, seed: int, lane: Lane, run: str) -> Outcome:
    """One lifecycle in this weather, and a look at whether what comes afterwards changes anything."""
    changed: list[str] = []
    with Relay(lane.stack.url, weather, seed) as relay, _webhook_at(lane, relay.url):
        mischief = Mischief(afterwards=lambda lane: changed.extend(_release(lane, run, relay)))
        outcome = play(lane, run, point=NOWHERE, seed=seed, mischief=mischief)
    return replace(outcome, violations=outcome.violations + changed, trace=[str(dict(relay.fates))])


@contextmanager
def _webhook_at(lane: Lane, url: str) -> Iterator[None]:
    """The webhook points there, and back to the API afterwards."""
    ours = lane.stack.environment["PUBLIC_URL"]
    lane.stack.environment["PUBLIC_URL"] = url
    try:
        lane.stack.register_webhook()
        yield
    finally:
        lane.stack.environment["PUBLIC_URL"] = ours
        lane.stack.register_webhook()


def _release(lane: Lane, run: str, relay: Relay) -> Iterator[str]:
    """Let all go that was held, and tell what it has changed of a breakout that was over."""
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
    """The breakout of this run as the API shows it; None when there is none or it has not ended."""
    meeting = next(one for one in lane.ask("GET", "/v1/meetings?limit=200")["items"] if one["title"] == run)
    made = lane.ask("GET", f"/v1/meetings/{meeting['id']}/breakouts")["items"]
    found = lane.ask("GET", f"/v1/breakouts/{made[0]['id']}") if made else None
    return found if found and found["state"] == "closed" else None


def _waiting(lane: Lane) -> bool:
    """Whether deliveries wait to be applied."""
    with lane.stack.parts() as deps, deps.database.reading() as session:
        return bool(session.scalar(STILL_WAITING))


def main(arguments: Sequence[str]) -> int:
    """1 when a rule was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.webhooks", description=__doc__)
    parser.add_argument("--weather", action="append", choices=sorted(WEATHERS), help="only this one (repeatable)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many runs in each")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=LANES, help="systems side by side")
    options = parser.parse_args(arguments)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    tales = [(name, seed) for name in options.weather or WEATHERS for seed in seeds]
    folder, begun, broken = Path(tempfile.mkdtemp(prefix="breakouts-webhooks-")), time.monotonic(), 0
    with pool_in(folder, options.lanes) as pool:
        outcomes = pool.play([partial(play_in, WEATHERS[name], seed) for name, seed in tales])
        for (name, seed), outcome in zip(tales, outcomes, strict=True):
            broken += bool(outcome.violations)
            print(f"{outcome.seconds:5.1f} s  {name:<8}  seed {seed}  {outcome.trace[0]}", flush=True)
            for words in outcome.violations:
                print(f"    {words}\n    again: --weather '{name}' --first-seed {seed} --seeds 1", flush=True)
    print(f"{len(tales)} runs, {broken} with violations, {time.monotonic() - begun:.0f} s")
    if broken:
        print(f"the logs are in {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
