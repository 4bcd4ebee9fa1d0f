"""What is replaced for a run so that the seed decides it: clocks, ids, the spread of retries, and the solver's limits.

The engine reads its clocks in one module, and makes its ids in one function. So does the sandbox.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Any, TypeVar
from unittest.mock import patch
from uuid import UUID

import uuid_utils

from orchestrator.domain import distribution
from orchestrator.realtimekit import titles
from orchestrator.runtime import clock
from orchestrator.sandbox.world import state
from orchestrator.services.passes import keeping, leased
from orchestrator.services.planning import solving as planning
from orchestrator.solver import model
from orchestrator.solver import solving as solver
from tests.simulation.hub import Hub

T = TypeVar("T")

VERSION_7, VARIANT = 7 << 76, 2 << 62
"""The bits that every UUIDv7 has."""


SOLVER_WORK = 2_000
"""How many exchanges the solver looks at: enough for a few people."""
LONG_AGO = -1e9
"""What the solver reads on a clock that never stops it, so that it counts its own steps alone."""


@contextmanager
def replaced(hub: Hub, luck: Random, solving_seconds: Callable[[], float]) -> Iterator[None]:
    """Let all clocks be the hub's, and all chance come from `luck`, inside the block.

    The solver is done at once; what it takes in virtual time is `solving_seconds`, during which others go on.
    """
    read = hub.loop.time
    times = SimpleNamespace(
        time=read, clock_gettime=lambda _: read(), sleep=hub.sleep, CLOCK_MONOTONIC=time.CLOCK_MONOTONIC
    )
    chance = SimpleNamespace(
        token_hex=lambda size: luck.randbytes(size).hex(), token_bytes=luck.randbytes, randbelow=luck.randrange
    )
    number = count()
    with ExitStack() as stack:
        for module in (clock, state):
            stack.enter_context(patch.object(module, "time", times))
        for module in (titles, distribution, state):
            stack.enter_context(patch.object(module, "secrets", chance))
        stack.enter_context(patch.object(uuid_utils, "uuid7", lambda: _uuid7(read(), next(number), luck)))
        stack.enter_context(patch.object(state, "uuid4", lambda: UUID(int=luck.getrandbits(128), version=4)))
        stack.enter_context(patch.object(solver, "WORK", SOLVER_WORK))
        for module in (solver, model):
            stack.enter_context(patch.object(module, "monotonic", lambda: LONG_AGO))
        stack.enter_context(patch.object(planning, "look_for", _taking(hub, solving_seconds, planning.look_for)))
        for generator in (leased._jitter, keeping._spread):
            generator.seed(luck.getrandbits(64))
        yield


def _taking(hub: Hub, seconds: Callable[[], float], look_for: Callable[..., T]) -> Callable[..., T]:
    def look(*args: Any) -> T:
        hub.sleep(seconds())
        return look_for(*args)

    return look


def _uuid7(now: float, number: int, luck: Random) -> str:
    """Make a UUIDv7 that sorts after those made before."""
    value = (int(now * 1000) << 80) | VERSION_7 | ((number >> 12 & 0xFFF) << 64) | VARIANT
    digits = f"{value | (number & 0xFFF) << 50 | luck.getrandbits(50):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
