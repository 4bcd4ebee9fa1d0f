"""How soon a browser hears of a move, and somebody who comes late of their room, while RealtimeKit takes 100 ms.

A move needs one call to RealtimeKit, so what is beyond its 100 ms is ours. A latecomer's time begins with their join.
"""

import asyncio
import random
import time

from orchestrator.services.webhooks.registration import ensure_webhook
from tests.benchmarks.frame import Of, Sheet, run
from tests.benchmarks.rig import rig
from tests.benchmarks.streams import Reader
from tests.support.stack import JSON, Stack

LATENCY_MS, ROOMS, PEOPLE, LATE, MOVES = 100, 20, 200, 10, 100
APART_SECONDS = 0.4
"""Between two moves, so that nothing is left to do about the one before."""


def measure(sheet: Sheet) -> None:
    """Move people of an open breakout, and let some come late."""
    with rig(LATENCY_MS) as stack:
        with stack.parts() as deps:
            ensure_webhook(deps)
        meeting = stack.meeting(PEOPLE + LATE)
        early = [f"p{number}" for number in range(PEOPLE)]
        stack.people(meeting, early)
        made = stack.breakout(meeting, rooms=ROOMS, assignment={"mode": "even", "who": "present"})
        stack.wait(made["id"], "open", condition=lambda b: b["progress"]["participants"]["joined"] == PEOPLE)
        asyncio.run(_move(sheet, stack, meeting, made))
        asyncio.run(_come_late(sheet, stack, meeting))


async def _move(sheet: Sheet, stack: Stack, meeting: str, made: JSON) -> None:
    beyond = sheet.figure("a move, beyond RealtimeKit's time", "ms", at_most=100)
    rooms = [room["id"] for room in made["rooms"]]
    for name in random.sample(range(PEOPLE), MOVES):
        async with asyncio.TaskGroup() as group:
            reader, following = await _listen(group, stack, meeting, f"p{name}")
            target = random.choice([room for room in rooms if room != reader.seat["room_id"]])
            await asyncio.sleep(APART_SECONDS)
            begun = time.monotonic()
            await asyncio.to_thread(stack.move, made["id"], f"p{name}", target)
            while reader.seat["room_id"] != target or not reader.seat["auth_token"]:
                await reader.later_than(reader.version)
            beyond.add((reader.arrived - begun) * 1000 - LATENCY_MS)
            following.cancel()


async def _come_late(sheet: Sheet, stack: Stack, meeting: str) -> None:
    seated = sheet.figure("a latecomer, from the join", "s", at_most=2, of=Of.MAX)
    for number in range(PEOPLE, PEOPLE + LATE):
        async with asyncio.TaskGroup() as group:
            reader, following = await _listen(group, stack, meeting, f"p{number}")
            begun = time.monotonic()
            await asyncio.to_thread(stack.people, meeting, [f"p{number}"])
            while reader.seat["location"] != "room":
                await reader.later_than(reader.version)
            seated.add(reader.arrived - begun)
            following.cancel()


async def _listen(group: asyncio.TaskGroup, stack: Stack, meeting: str, name: str) -> tuple[Reader, asyncio.Task[None]]:
    """Open a person's stream, and wait for their present seat."""
    reader = Reader(name, await asyncio.to_thread(stack.token, meeting, name))
    following = group.create_task(reader.follow(stack.port))
    await reader.later_than(-1)
    return reader, following


if __name__ == "__main__":
    run("moving", measure)
