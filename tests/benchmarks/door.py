"""What a request costs the API in processor time, in multiples of the least that its server can do (`GET /healthz`).

A thousand people's browsers read their seats, ack, and keep streams; RealtimeKit sends webhooks; an operator looks at
their breakout of 100 rooms. A hundred requests of one kind are in flight at a time.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import aiohttp

from orchestrator.api.tokens import ClientTokens
from orchestrator.realtimekit.webhooks import DELIVERY_HEADER, SIGNATURE_HEADER
from schemas.columns import new_id
from tests.benchmarks.frame import Sheet, run
from tests.benchmarks.rig import rig
from tests.benchmarks.signing import Signer
from tests.benchmarks.streams import Reader, change, people_of
from tests.benchmarks.usage import worked
from tests.support.stack import KEY, Stack

PEOPLE, ROOMS, IN_FLIGHT, LOOKS, RUNS = 1000, 100, 100, 50, 5
OPERATOR = {"Authorization": f"Bearer {KEY}"}

Request = Callable[[int], Awaitable[None]]


def measure(sheet: Sheet) -> None:
    """Send every kind of request in turn, five times."""
    signer = Signer()
    with rig(REALTIMEKIT_WEBHOOK_PUBLIC_KEY=signer.public_key) as stack:
        meeting = stack.meeting(PEOPLE)
        breakout = stack.breakout(meeting, rooms=ROOMS, start="manual")["id"]
        asyncio.run(_measure(sheet, stack, meeting, breakout, signer))


async def _measure(sheet: Sheet, stack: Stack, meeting: str, breakout: str, signer: Signer) -> None:
    issue = ClientTokens(stack.settings.secrets).issue
    with stack.parts() as deps:
        people = people_of(deps, meeting)
        tokens = [issue(row_id, meeting, timedelta(hours=1))[0] for row_id, _ in people]
        readers = [Reader(row_id, token) for (row_id, _), token in zip(people, tokens, strict=True)]
        async with aiohttp.ClientSession(stack.url, connector=aiohttp.TCPConnector(limit=0)) as http:
            client = _Client(http, [{"Authorization": f"Bearer {token}"} for token in tokens], signer)
            place = stack.get(f"/v1/meetings/{meeting}")["realtimekit_meeting_id"]
            for _ in range(RUNS):
                least = await _cost(stack, client.ask_for_health, PEOPLE)
                sheet.figure("GET /healthz", "ms").add(least)
                kinds: dict[str, tuple[Request, int]] = {
                    "GET /v1/seat": (client.read_seat, PEOPLE),
                    "POST /v1/seat/ack": (client.ack, PEOPLE),
                    "POST /v1/webhooks/realtimekit": (lambda n: client.tell(people[n][1], place), PEOPLE),
                    "GET /v1/breakouts/{breakout_id}": (lambda _: client.look(breakout), LOOKS),
                }
                for name, (request, times) in kinds.items():
                    sheet.figure(name, "times GET /healthz").add(await _cost(stack, request, times) / least)
        following = [asyncio.create_task(reader.follow(stack.port)) for reader in readers]
        await asyncio.gather(*(reader.later_than(-1) for reader in readers))
        for _ in range(RUNS):
            begun = worked(stack.api_process.pid)
            await change(deps, meeting, readers)
            cost = (worked(stack.api_process.pid) - begun) * 1000 / PEOPLE
            sheet.figure("a seat sent on a stream", "times GET /healthz").add(cost / least)
        for task in following:
            task.cancel()


async def _cost(stack: Stack, request: Request, times: int) -> float:
    """Send so many requests. Returns what each cost the API in milliseconds of processor time."""
    numbers = iter(range(times))
    begun = worked(stack.api_process.pid)

    async def send() -> None:
        for number in numbers:
            await request(number)

    await asyncio.gather(*(send() for _ in range(IN_FLIGHT)))
    return (worked(stack.api_process.pid) - begun) * 1000 / times


class _Client:
    """Sends each kind of request."""

    def __init__(self, http: aiohttp.ClientSession, browsers: list[dict[str, str]], signer: Signer) -> None:
        self._http, self._browsers, self._signer = http, browsers, signer

    async def ask_for_health(self, _: int) -> None:
        await self._send("GET", "/healthz")

    async def read_seat(self, number: int) -> None:
        await self._send("GET", "/v1/seat", headers=self._browsers[number])

    async def ack(self, number: int) -> None:
        said = {"location": "main", "room_id": None, "version": 0}
        await self._send("POST", "/v1/seat/ack", headers=self._browsers[number], json=said)

    async def tell(self, name: str, meeting_id: str) -> None:
        """Send a webhook: somebody has joined."""
        person = {"peerId": new_id(), "customParticipantId": name, "joinedAt": "2030-01-01T00:00:00Z"}
        said = {"event": "meeting.participantJoined", "meeting": {"id": meeting_id}, "participant": person}
        body = json.dumps(said).encode()
        headers = {SIGNATURE_HEADER: self._signer.sign(body), DELIVERY_HEADER: new_id()}
        await self._send("POST", "/v1/webhooks/realtimekit", headers=headers, data=body)

    async def look(self, breakout_id: str) -> None:
        await self._send("GET", f"/v1/breakouts/{breakout_id}", headers=OPERATOR)

    async def _send(self, method: str, path: str, **request: object) -> None:
        async with self._http.request(method, path, **request) as answer:  # type: ignore[arg-type]  # named as there
            assert answer.status == 200, f"{answer.status}: {await answer.text()}"
            await answer.read()


if __name__ == "__main__":
    run("door", measure)
