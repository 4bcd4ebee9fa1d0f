"""The part of the public API that simulated people use, on a real port: seats, their streams, acknowledgements."""

import asyncio
import json
from typing import Any, Self

from aiohttp import web


class StubApi:
    """A server on which client tokens are names; `seat()` moves a person, and `acks` has the acknowledgements."""

    def __init__(self) -> None:
        self.acks: list[tuple[str, dict[str, Any]]] = []
        self.ack_statuses: list[int] = []
        self.resumed_from: list[str | None] = []
        self.base = ""
        self._seats: dict[str, dict[str, Any]] = {}
        self._streams: dict[str, set[asyncio.Queue[str | None]]] = {}
        app = web.Application()
        app.add_routes([web.get("/v1/seat", self._seat), web.get("/v1/seat/events", self._events)])
        app.add_routes([web.post("/v1/seat/ack", self._ack)])
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        """Start the server."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the server."""
        await self._runner.cleanup()

    def seat(
        self, name: str, meeting_id: str, token: str | None, room_id: str | None = None, *, quietly: bool = False
    ) -> int:
        """Point a person's seat to a meeting, and return the version of the seat; `quietly` tells no stream."""
        version = self._seats.get(name, {"version": 0})["version"] + 1
        seat = {"version": version, "location": "room" if room_id else "main", "meeting_id": "ours"}
        seat |= {"realtimekit_meeting_id": meeting_id, "room_id": room_id, "auth_token": token, "breakout": None}
        self._seats[name] = seat
        if not quietly:
            self.send(name, "seat", seat)
        return int(version)

    def restore_backup(self, name: str, meeting_id: str, token: str | None) -> None:
        """Point a seat to main by the version of a backup, and end every stream, as a restart does."""
        del self._seats[name]
        self.seat(name, meeting_id, token, quietly=True)
        self.break_streams()

    def send(self, name: str, event: str, data: dict[str, Any]) -> None:
        """Send an event on all streams of a person."""
        text = f"id: {event}-{data.get('version', 0)}\nevent: {event}\ndata: {json.dumps(data)}\n\n"
        for stream in self._streams.get(name, set()):
            stream.put_nowait(text)

    def break_streams(self) -> None:
        """End every stream."""
        for streams in self._streams.values():
            for stream in streams:
                stream.put_nowait(None)

    async def _seat(self, request: web.Request) -> web.Response:
        return web.json_response(self._seats[request.headers["Authorization"].removeprefix("Bearer ")])

    async def _events(self, request: web.Request) -> web.StreamResponse:
        name = request.headers["Authorization"].removeprefix("Bearer ")
        self.resumed_from.append(request.headers.get("Last-Event-ID"))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b": hello\n\n")
        stream: asyncio.Queue[str | None] = asyncio.Queue()
        self._streams.setdefault(name, set()).add(stream)
        if seat := self._seats.get(name):
            self.send(name, "seat", seat)
        while (text := await stream.get()) is not None:
            await response.write(text.encode())
        self._streams[name].discard(stream)
        return response

    async def _ack(self, request: web.Request) -> web.Response:
        name = request.headers["Authorization"].removeprefix("Bearer ")
        self.acks.append((name, await request.json()))
        status = self.ack_statuses.pop(0) if self.ack_statuses else 204
        return web.Response(status=status)
