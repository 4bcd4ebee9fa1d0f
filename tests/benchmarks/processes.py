"""What more processes share: 1, 2 and 4 workers open the same breakout, 1 and 2 APIs answer the same crowd.

A machine with few processors can't show how much sooner they end. So the processor time is shown: of all processes
together, in multiples of what one alone needs, and the share of the busiest. A perfect division keeps the first at 1
and brings the second to one half, and to a quarter.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

import aiohttp

from orchestrator.api.tokens import ClientTokens
from orchestrator.runtime import commands
from orchestrator.runtime.ports import free_port
from orchestrator.services.deps import Deps
from tests.benchmarks.frame import Sheet, run
from tests.benchmarks.rig import Rig, rig
from tests.benchmarks.streams import Reader, change, people_of
from tests.benchmarks.usage import worked
from tests.support.processes import Process

PEOPLE, ROOMS, RUNS, WORKERS, APIS = 500, 50, 3, (1, 2, 4), (1, 2)
IN_FLIGHT = 50
SAID = {"location": "main", "room_id": None, "version": 0}


class Share:
    """The processor time of some processes since now."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self._begun = {process.pid: worked(process.pid) for process in processes}

    def note(self, sheet: Sheet, name: str, alone: dict[str, float]) -> None:
        """Note how much they have worked together, beside one `alone`, and the share of the busiest."""
        spent = [worked(pid) - begun for pid, begun in self._begun.items()]
        what = name.partition(": ")[2]
        alone.setdefault(what, sum(spent))
        sheet.figure(f"{name}, together", "times one").add(sum(spent) / alone[what])
        sheet.figure(f"{name}, the busiest", "of them all").add(max(spent) / sum(spent))


def measure(sheet: Sheet) -> None:
    """Add processes one after another, and let all that there are do the same."""
    with rig(20, RETURN_GRACE_SECONDS="1") as stack:
        meeting = stack.meeting(PEOPLE)
        for _ in range(RUNS):
            _open(stack, meeting)  # what is done once in a process is not counted
        alone: dict[str, float] = {}
        for number in WORKERS:
            while len(stack.workers) < number:
                stack.workers.append(stack.start_worker())
                stack.workers[-1].wait_for_text(" ready.", 60)
            for _ in range(RUNS):
                share = Share(stack.workers)
                _open(stack, meeting)
                share.note(sheet, f"{number} workers: open and close", alone)
        with stack.parts() as deps:
            crowd = _Crowd(stack, deps, meeting)
            apis = {stack.port: stack.api_process}
            for number in APIS:
                while len(apis) < number:
                    port = free_port()
                    apis[port] = _start_api(stack, port)
                asyncio.run(crowd.come(sheet, apis, alone))


def _open(stack: Rig, meeting: str) -> None:
    breakout = stack.breakout(meeting, rooms=ROOMS)["id"]
    stack.wait(breakout, "open", 120)
    stack.post(f"/v1/breakouts/{breakout}/close", {"countdown_seconds": 0})
    stack.wait(breakout, "closed", 120)


def _start_api(stack: Rig, port: int) -> Process:
    process = stack.processes.start(commands.api(), {**stack.environment, "PORT": str(port)})
    process.wait_for_url(f"http://127.0.0.1:{port}/healthz", 60)
    return process


class _Crowd:
    """The people of a meeting, who have a browser each."""

    def __init__(self, stack: Rig, deps: Deps, meeting: str) -> None:
        self._deps, self._meeting = deps, meeting
        issue = ClientTokens(stack.settings.secrets).issue
        ids = [row_id for row_id, _ in people_of(deps, meeting)]
        self._tokens = {row_id: issue(row_id, meeting, timedelta(hours=1))[0] for row_id in ids}

    async def come(self, sheet: Sheet, apis: Mapping[int, Process], alone: dict[str, float]) -> None:
        """Ack through these APIs in turn, and then change everybody's seat while each has a stream at one."""
        ports, processes = list(apis), list(apis.values())
        readers = [Reader(row_id, token) for row_id, token in self._tokens.items()]
        following = [
            asyncio.create_task(reader.follow(ports[number % len(ports)])) for number, reader in enumerate(readers)
        ]
        await asyncio.gather(*(reader.later_than(-1) for reader in readers))
        for _ in range(RUNS):
            share = Share(processes)
            await _ack(ports, list(self._tokens.values()))
            share.note(sheet, f"{len(apis)} APIs: acks", alone)
            share = Share(processes)
            await change(self._deps, self._meeting, readers)
            share.note(sheet, f"{len(apis)} APIs: a change of all seats", alone)
        for task in following:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _ack(ports: Sequence[int], tokens: Sequence[str]) -> None:
    numbered = iter(enumerate(tokens))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def send() -> None:
            for number, token in numbered:
                url = f"http://127.0.0.1:{ports[number % len(ports)]}/v1/seat/ack"
                async with http.post(url, json=SAID, headers={"Authorization": f"Bearer {token}"}) as answer:
                    assert answer.status == 200, await answer.text()

        await asyncio.gather(*(send() for _ in range(IN_FLIGHT)))


if __name__ == "__main__":
    run("processes", measure)
