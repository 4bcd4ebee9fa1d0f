"""A small sample of what `make chaos` and `make faults` do.

In one lifecycle two processes die. In another all that makes something fails at first, while a search finds nothing and
what else is undocumented goes one way or another. Points, failures and ways are drawn by a seed.
"""

import random

import pytest

from tests.chaos.lane import KINDS, Lane
from tests.chaos.matrix import KINDS as FAULTS
from tests.chaos.matrix import MAKING, REFUSAL, struck
from tests.chaos.story import play
from tests.chaos.switches import rows
from tests.chaos.trouble import Trouble, meet

POINTS = {
    "api": [
        "api:call:create_meeting:after#1",
        "api:commit:@pending._take[idempotency_key]:after#1",
        "api:commit:@keys._try[breakout,idempotency_key,room,seat]:after#1",
        "api:commit:@changes.change[breakout,event,outbox,participant]:before#1",
        "api:send:breakout.open:before#1",
    ],
    "worker": [
        "worker:call:create_meeting:after#2",
        "worker:call:add_participant@admission._admit:after#30",
        "worker:call:start_recording@opening._record:after#2",
        "worker:call:stop_recording@closing._stop:after#2",
        "worker:call:retire_meeting@closing._attempt:before#3",
        "worker:send:room.close:before#2",
    ],
    "timekeeper": [
        "timekeeper:commit:@timekeeper._send_batch[breakout]:before#1",
        "timekeeper:send:breakout.close:before#1",
        "timekeeper:send:breakout.empty:after#1",
    ],
}
"""Some of the points that the sweep finds, those that every run passes."""
DEATHS = 2


@pytest.mark.long
@pytest.mark.parametrize("seed", [8])
def test_whatever_dies_wherever_everything_comes_right(lane: Lane, seed: int) -> None:
    chosen = random.Random(seed)
    point = " ".join(chosen.choice(POINTS[kind]) for kind in chosen.sample(KINDS, DEATHS))
    outcome = play(lane, f"sample-{seed}", point=point, seed=seed)
    assert not outcome.violations, f"{point} with seed {seed}: {outcome.violations}, see {lane.folder}"
    assert outcome.killed == DEATHS, f"not all were reached: {point}"


@pytest.mark.parametrize("seed", [3])
def test_however_realtimekit_fails_everything_is_made_once(lane: Lane, seed: int) -> None:
    chosen = random.Random(seed)
    kinds = {operation: chosen.choice([kind for kind in FAULTS if kind != REFUSAL]) for operation in MAKING}
    faults = tuple(fault for operation, kind in kinds.items() for fault in struck(operation, kind))
    row = chosen.randrange(len(rows(seed)))
    trouble = Trouble(f"{kinds} in row {row}", faults=faults, row=row, switches={"search_matches": "nothing"})
    fate = meet(lane, f"faults-{seed}", trouble=trouble, seed=seed)
    assert not fate.violations, f"{fate.name} with seed {seed}: {fate.violations}, see {lane.folder}"
    assert fate.struck > len(MAKING), f"not all were met: {fate.name}"
