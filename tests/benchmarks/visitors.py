"""Browsers of a whole crowd in a process of their own: each keeps a seat stream, and acks at once where it is sent.

RealtimeKit's webhooks about the same people are sent from here too, signed with a key of this benchmark, within two
seconds of each move. An ack without an answer within ten seconds, or refused for the moment, is sent again, as browsers
do.
"""

import asyncio
import base64
import json
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

import aiohttp
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from orchestrator.realtimekit.webhooks import DELIVERY_HEADER, SIGNATURE_HEADER
from schemas.columns import new_id
from tests.support.waiting import wait_until

GIVE_UP_SECONDS = 10.0
BURST_SECONDS = 2.0
START_SECONDS = 120


@dataclass
class Report:
    """What happened to a crowd until now."""

    places: Counter[str] = field(default_factory=Counter)
    """How many have acked main, and a room."""
    statuses: Counter[int] = field(default_factory=Counter)
    """The statuses of all answers; 0 stands for none."""
    slowest_ack: float = 0.0
    """In seconds, from the first try to the answer that was taken."""


class Crowd:
    """Starts the process, and asks it how far everybody is."""

    def __init__(self, port: int, tokens: Mapping[str, str], key: RSAPrivateKey) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_run, args=(port, dict(tokens), pem, theirs), daemon=True)
        self._process.start()
        self.people = len(tokens)
        self.wait_for("main")

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

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()


def _run(port: int, tokens: dict[str, str], pem: bytes, pipe: Connection) -> None:
    asyncio.run(_Browsers(port, pem).run(tokens, pipe))


class _Browsers:
    def __init__(self, port: int, pem: bytes) -> None:
        self._api = f"http://127.0.0.1:{port}"
        self._port = port
        key = serialization.load_pem_private_key(pem, None)
        assert isinstance(key, RSAPrivateKey)
        self._key = key
        self._report = Report()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, tokens: dict[str, str], pipe: Connection) -> None:
        timeout = aiohttp.ClientTimeout(total=GIVE_UP_SECONDS)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as self._http:
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
                    self._begin(self._ack(token, seat, moved=before is not None))
                    self._begin(self._webhooks(name, before, seat["realtimekit_meeting_id"]))

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
        signature = base64.b64encode(self._key.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()
        headers = {SIGNATURE_HEADER: signature, DELIVERY_HEADER: new_id()}
        await self._post_until_taken("/v1/webhooks/realtimekit", body, headers)

    async def _post_until_taken(self, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        while True:
            status, pause = await self._post(path, body, headers)
            if 200 <= status < 300:
                return
            await asyncio.sleep(pause)

    async def _post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, float]:
        """Return the status and the pause that the answer asks for; 0 without an answer."""
        try:
            json_type = {"Content-Type": "application/json"}
            async with self._http.post(self._api + path, data=body, headers={**headers, **json_type}) as answer:
                await answer.read()
                self._report.statuses[answer.status] += 1
                return answer.status, float(answer.headers.get("Retry-After", 1))
        except (aiohttp.ClientError, TimeoutError):
            self._report.statuses[0] += 1
            return 0, random.uniform(0, 1)
