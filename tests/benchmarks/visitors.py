"""Browsers of a whole crowd in a process of their own: each keeps a seat stream, and acks at once where it is sent.

RealtimeKit's webhooks about the same people are sent from here too, signed with a key of this benchmark, within two
seconds of each move. An ack without an answer within ten seconds, or refused for the moment, is sent again, as browsers
do. HTTP is written and read by hand, because a client library takes more of the machine than the API that it asks.
"""

import asyncio
import json
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

from orchestrator.realtimekit.webhooks import DELIVERY_HEADER, SIGNATURE_HEADER
from schemas.columns import new_id
from tests.benchmarks.signing import Signer
from tests.support.stack import Stack, person
from tests.support.waiting import wait_until

GIVE_UP_SECONDS = 10.0
BURST_SECONDS = 2.0
START_SECONDS = 120
QUIET_SECONDS = 120


@dataclass
class Report:
    """What happened to a crowd until now."""

    places: Counter[str] = field(default_factory=Counter)
    """How many have acked main, and a room."""
    statuses: Counter[int] = field(default_factory=Counter)
    """The statuses of all answers; 0 stands for none."""
    under_way: int = 0
    """How many acks and webhooks were begun and not taken yet."""
    slowest_ack: float = 0.0
    """In seconds, from the first try to the answer that was taken."""


class Crowd:
    """Starts the process, and asks it how far everybody is."""

    def __init__(self, port: int, tokens: Mapping[str, str], pem: bytes) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_run, args=(port, dict(tokens), pem, theirs), daemon=True)
        self._process.start()
        self.people = len(tokens)
        self.wait_for("main")
        self.wait_until_quiet()

    @property
    def pid(self) -> int:
        """The id of their process."""
        assert self._process.pid is not None
        return self._process.pid

    def report(self) -> Report:
        """Return what has happened until now."""
        self._pipe.send("report")
        found: Report = self._pipe.recv()
        return found

    def wait_for(self, place: str) -> None:
        """Wait until everybody has acked that they are in main, or in a room."""
        wait_until(
            lambda: self.report().places[place] == self.people, START_SECONDS, every=0.5, what=f"everybody in {place}"
        )

    def wait_until_quiet(self) -> Report:
        """Wait until every ack and webhook was taken."""
        wait_until(lambda: not self.report().under_way, QUIET_SECONDS, every=0.5, what="all that was sent is taken")
        return self.report()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()


def crowded_meetings(stack: Stack, meetings: int, people: int, signer: Signer) -> tuple[list[str], Crowd]:
    """Create meetings with so many people each, and open everybody's browser. Returns the ids of the meetings."""
    tokens: dict[str, str] = {}
    ids = []
    for number in range(meetings):
        names = [f"m{number}-p{one}" for one in range(people)]
        body = {"title": "Physics", "participants": [person(name) for name in names]}
        ids.append(str(stack.post("/v1/meetings", body)["id"]))
        tokens |= {name: stack.token(ids[-1], name) for name in names}
    return ids, Crowd(stack.port, tokens, signer.pem)


def _run(port: int, tokens: dict[str, str], pem: bytes, pipe: Connection) -> None:
    asyncio.run(_Browsers(port, pem).run(tokens, pipe))


class _Connections:
    """Connections to the API that are kept for the next request."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, float]:
        """Return the status, and the pause that the answer asks for."""
        reader, writer = self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", self._port)
        try:
            lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            writer.write("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            answered = dict(line.split(": ", 1) for line in head.split("\r\n")[1:-2])
            await reader.readexactly(int(answered["content-length"]))
        except BaseException:
            writer.close()
            raise
        self._free.append((reader, writer))
        return int(head.split()[1]), float(answered.get("retry-after", 1))


class _Browsers:
    def __init__(self, port: int, pem: bytes) -> None:
        self._port = port
        self._connections = _Connections(port)
        self._signer = Signer(pem)
        self._report = Report()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, tokens: dict[str, str], pipe: Connection) -> None:
        for name, token in tokens.items():
            self._begin(self._follow(name, token))
        while True:
            await asyncio.to_thread(pipe.recv)
            pipe.send(self._report)

    def _begin(self, coroutine: Any) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, name: str, token: str) -> None:
        """Read the stream with as little work as possible, because the crowd shares the machine with the API."""
        place: str | None = None
        reader, _writer = await self._stream(token)  # without the writer the connection would be closed
        async for line in reader:
            if line.startswith(b"data: {") and b'"version":' in line:
                seat = json.loads(line[6:])
                if seat["realtimekit_meeting_id"] != place:
                    before, place = place, seat["realtimekit_meeting_id"]
                    self._begin(self._counted(self._ack(token, seat, moved=before is not None)))
                    self._begin(self._counted(self._webhooks(name, before, seat["realtimekit_meeting_id"])))

    async def _counted(self, work: Coroutine[Any, Any, None]) -> None:
        self._report.under_way += 1
        await work
        self._report.under_way -= 1

    async def _stream(self, token: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open the stream. One that is refused for the moment is opened again."""
        request = f"GET /v1/seat/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
            writer.write(request)
            status = int((await reader.readline()).split()[1])
            self._report.statuses[status] += 1
            if status == 200:
                return reader, writer
            writer.close()
            await asyncio.sleep(random.uniform(1, 5))

    async def _ack(self, token: str, seat: dict[str, Any], *, moved: bool) -> None:
        body = {"location": seat["location"], "room_id": seat["room_id"], "version": seat["version"]}
        headers, begun = {"Authorization": f"Bearer {token}"}, time.monotonic()
        await self._post_until_taken("/v1/seat/ack", json.dumps(body).encode(), headers)
        self._report.places[seat["location"]] += 1
        if moved:
            self._report.places["room" if seat["location"] == "main" else "main"] -= 1
        self._report.slowest_ack = max(self._report.slowest_ack, time.monotonic() - begun)

    async def _webhooks(self, name: str, before: str | None, now: str) -> None:
        """Tell of a move a little later, with the time at which it was made. A later move may be told of first."""
        at = datetime.now(UTC).isoformat()
        await asyncio.sleep(random.uniform(0, BURST_SECONDS))
        if before is not None:
            await self._webhook("meeting.participantLeft", name, before, {"leftAt": at})
        await self._webhook("meeting.participantJoined", name, now, {"joinedAt": at})

    async def _webhook(self, event: str, name: str, meeting_id: str, times: Mapping[str, str]) -> None:
        person = {"peerId": f"{name} in {meeting_id}"[:64], "customParticipantId": name, **times}
        body = json.dumps({"event": event, "meeting": {"id": meeting_id}, "participant": person}).encode()
        headers = {SIGNATURE_HEADER: self._signer.sign(body), DELIVERY_HEADER: new_id()}
        await self._post_until_taken("/v1/webhooks/realtimekit", body, headers)

    async def _post_until_taken(self, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        while True:
            status, pause = await self._post(path, body, headers)
            self._report.statuses[status] += 1
            if 200 <= status < 300:
                return
            await asyncio.sleep(pause)

    async def _post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, float]:
        """Return the status and the pause that the answer asks for; 0 without an answer."""
        try:
            async with asyncio.timeout(GIVE_UP_SECONDS):
                return await self._connections.post(path, body, headers)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return 0, random.uniform(0, 1)
