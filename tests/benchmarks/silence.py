"""The delay until the API shows who joined or left, when neither webhooks nor browsers report it.

It uses the default settings: 1,200 calls in 5 minutes, of which the opening has just used a good part. A random person
joins or leaves each second. Each change is timed until the API's answer shows it.
"""

import random
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from schemas.events import ProblemKind
from tests.benchmarks.frame import Sheet, run
from tests.benchmarks.rig import rig
from tests.support.stack import Stack

ROOMS, PEOPLE_PER_ROOM = (100, 200), 3
SECONDS = 360
EVERY_SECONDS = 1.0
"""How often somebody joins or leaves, and the API is read."""
DEFAULTS: dict[str, Any] = {
    "REALTIMEKIT_REQUESTS_PER_5_MINUTES": "1200",
    "SYNC_SECONDS": "10",
    "SEARCH_SETTLE_SECONDS": "3",
}
PATIENCE_SECONDS = 600


@dataclass
class Watched:
    """One person: whether they are in their room, and since when the API has shown something else."""

    token: str
    peer: str | None = None
    since: float | None = None
    took: list[float] = field(default_factory=list)


def measure(sheet: Sheet) -> None:
    """Measure each number of rooms with a system of its own."""
    for rooms in ROOMS:
        with rig(**DEFAULTS) as stack:
            budget = {"calls": 1200, "window_seconds": 300, "block_seconds": 300}
            httpx.put(f"{stack.sandbox.root}/_sandbox/budget", json=budget, trust_env=False).raise_for_status()
            _measure(sheet, stack, rooms)


def _measure(sheet: Sheet, stack: Stack, rooms: int) -> None:
    people = [f"p{number}" for number in range(rooms * PEOPLE_PER_ROOM)]
    meeting = stack.meeting(len(people))
    made = stack.breakout(meeting, rooms=rooms)
    stack.wait(made["id"], "open", 600)
    everybody = {name: Watched(str(stack.seat(meeting, name)["auth_token"])) for name in people}
    for one in everybody.values():
        _toggle(stack, one)
    arrived = _watch(stack, made["id"], everybody, until=time.monotonic() + PATIENCE_SECONDS, changing=False)
    sheet.figure(f"{rooms} rooms, the first coming of {len(people)} people", "s").add(*arrived)
    moved = _watch(stack, made["id"], everybody, until=time.monotonic() + SECONDS, changing=True)
    moved += _watch(stack, made["id"], everybody, until=time.monotonic() + PATIENCE_SECONDS, changing=False)
    sheet.figure(f"{rooms} rooms, a change each second", "s").add(*moved)
    sheet.figure(f"{rooms} rooms, calls turned away", at_most=0).add(_turned_away(stack))
    problems = [it for it in stack.see(made["id"])["problems"] if it["what"] != ProblemKind.PEOPLE_SEEN_LATE]
    assert not problems, problems
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    stack.wait(made["id"], "closed", 600)


def _watch(
    stack: Stack, breakout_id: str, everybody: dict[str, Watched], *, until: float, changing: bool
) -> list[float]:
    """Let people join and leave until then, or only wait until all is shown. Returns how long each change took."""
    took: list[float] = []
    while time.monotonic() < until:
        rooms = stack.see(breakout_id)["rooms"]
        states = {one["custom_participant_id"]: one["state"] for room in rooms for one in room["participants"]}
        for name, one in everybody.items():
            if one.since is not None and (states[name] == "joined") == (one.peer is not None):
                took.append(time.monotonic() - one.since)
                one.since = None
        if changing:
            _toggle(stack, random.choice([one for one in everybody.values() if one.since is None]))
        elif all(one.since is None for one in everybody.values()):
            break
        time.sleep(EVERY_SECONDS)
    return took


def _toggle(stack: Stack, one: Watched) -> None:
    door = f"{stack.sandbox.root}/_sandbox"
    if one.peer is None:
        answer = httpx.post(f"{door}/join", json={"auth_token": one.token}, trust_env=False).raise_for_status()
        one.peer = str(answer.json()["peer_id"])
    else:
        httpx.post(f"{door}/leave", json={"peer_id": one.peer}, trust_env=False).raise_for_status()
        one.peer = None
    one.since = time.monotonic()


def _turned_away(stack: Stack) -> int:
    shown = httpx.get(f"{stack.sandbox.root}/_sandbox/calls", timeout=20, trust_env=False).json()
    return int(shown["budget"]["turned_away"])


if __name__ == "__main__":
    run("silence", measure)
