"""From `start` to the last person's seat: 100 rooms, 1,000 people, every RealtimeKit call takes 100 ms.

The same run makes the same 1,100 calls by a bare asyncio script with 100 in flight, which is the lower limit.
`--rooms 500 --people 5000 --runs 1` is the largest breakout that is allowed.
"""

import argparse
import asyncio
import statistics
import time

import aiohttp

from tests.benchmarks.rig import moments, rig
from tests.support.stack import Stack

ROOMS, PEOPLE, LATENCY_MS, IN_FLIGHT, RUNS = 100, 1000, 100, 100, 5
DEADLINE_SECONDS = 300


def main() -> None:
    """Print a line per run and the medians."""
    asked = _arguments()
    with rig(LATENCY_MS, REALTIMEKIT_CONCURRENCY=str(IN_FLIGHT)) as stack:
        rows = []
        for _ in range(asked.runs):
            bare = asyncio.run(_bare(stack, asked.rooms, asked.people))
            first, last = _ours(stack, asked.rooms, asked.people)
            rows.append((first, last, bare))
            print(
                f"first room {first:.2f} s, last seat {last:.2f} s; bare script {bare:.2f} s; ratio {last / bare:.2f}"
            )
        medians = [statistics.median(column) for column in zip(*rows, strict=True)]
        print("median: first room {:.2f} s, last seat {:.2f} s, bare script {:.2f} s".format(*medians))
        print(
            "best: first room {:.2f} s, last seat {:.2f} s".format(*(min(column) for column in zip(*rows, strict=True)))
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=int, default=ROOMS)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--runs", type=int, default=RUNS)
    return parser.parse_args()


def _ours(stack: Stack, rooms: int, people: int) -> tuple[float, float]:
    meeting = stack.meeting(people)
    made = stack.breakout(meeting, rooms=rooms, start="manual")
    stack.post(f"/v1/breakouts/{made['id']}/start")
    stack.wait(made["id"], "open", deadline=DEADLINE_SECONDS)
    started = moments(stack, made["id"], "breakout.state", "opening")[0]
    ready = moments(stack, made["id"], "participant.state", "invited")
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    stack.wait(made["id"], "closed", deadline=DEADLINE_SECONDS)
    return (ready[0] - started).total_seconds(), (ready[-1] - started).total_seconds()


async def _bare(stack: Stack, rooms: int, people: int) -> float:
    """Make the same calls without storing anything."""
    root = f"{stack.sandbox.base_url}/accounts/{stack.sandbox.account_id}/realtime/kit/{stack.sandbox.app_id}"
    gate = asyncio.Semaphore(IN_FLIGHT)
    headers = {"Authorization": f"Bearer {stack.sandbox.api_token}"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as http:

        async def post(path: str, body: dict[str, str]) -> dict[str, dict[str, str]]:
            async with gate, http.post(f"{root}/{path}", json=body) as answer:
                found: dict[str, dict[str, str]] = await answer.json()
                return found

        async def room(number: int) -> None:
            meeting = (await post("meetings", {"title": f"Room {number}"}))["data"]["id"]
            await asyncio.gather(
                *(
                    post(
                        f"meetings/{meeting}/participants",
                        {"custom_participant_id": f"p{i}", "preset_name": "group_call_participant", "name": "P"},
                    )
                    for i in range(people // rooms)
                )
            )

        begun = time.monotonic()
        await asyncio.gather(*(room(number) for number in range(rooms)))
        return time.monotonic() - begun


if __name__ == "__main__":
    main()
