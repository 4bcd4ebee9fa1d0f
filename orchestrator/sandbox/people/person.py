"""One simulated person: keeps a seat stream open and is wherever its seat says, like a well-made browser client.

Level-triggered: it only ever compares the seat with where it is, and goes there. Missed events, broken streams and
kicks need no special case.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from orchestrator.sandbox.people.departures import Departures
from orchestrator.sandbox.people.sse import ServerEvent, events

FIRST_RETRY, LONGEST_RETRY = 0.1, 2.0
TROUBLE = (aiohttp.ClientError, TimeoutError, OSError)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How well-behaved a person is; times in seconds."""

    reaction: tuple[float, float] = (0.0, 0.0)
    """A random time between these passes before it goes where its seat says."""
    never_moves: bool = False
    """Stays in main, whatever its seat says."""
    leaves_after: float | None = None
    """So long after it has arrived in a room it hangs up for good."""
    no_ack: bool = False
    """Never tells the API where it has arrived."""


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere that a person is or was; `at` in seconds since the epoch."""

    at: float
    location: str
    meeting_id: str
    room_id: str | None
    peer_id: str


@dataclass(slots=True)
class Heard:
    """What a person was told besides its seat."""

    warnings: list[dict[str, Any]] = field(default_factory=list)
    broadcasts: list[dict[str, Any]] = field(default_factory=list)
    closings: list[dict[str, Any]] = field(default_factory=list)


class Person:
    """One browser. `start()` it inside a running loop; `stop()` hangs up."""

    def __init__(
        self,
        api_base: str,
        client_token: str,
        sandbox_base: str,
        name: str,
        behaviour: Behaviour | None = None,
        *,
        http: aiohttp.ClientSession | None = None,
        departures: Departures | None = None,
    ) -> None:
        self.name, self.behaviour = name, behaviour or Behaviour()
        self.seat: dict[str, Any] | None = None
        self.place: Place | None = None
        self.places: list[Place] = []
        self.heard = Heard()
        self.hung_up = False
        self.connections = 0
        self._api, self._sandbox = api_base.rstrip("/"), sandbox_base.rstrip("/")
        self._bearer = {"Authorization": f"Bearer {client_token}"}
        self._own_http = http is None
        self._http = http or aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._own_departures = departures is None
        self._departures = departures or Departures(self._sandbox, self._http)
        self._tasks: list[asyncio.Task[None]] = []
        self._following: asyncio.Task[None] | None = None
        self._look = asyncio.Event()
        self._last_event_id: str | None = None
        self._acknowledged: tuple[str, int] | None = None

    @property
    def meeting_id(self) -> str | None:
        """Where it is now."""
        return self.place.meeting_id if self.place else None

    @property
    def settled(self) -> bool:
        """Whether it is where its seat says."""
        return self.seat is not None and self.seat["realtimekit_meeting_id"] == self.meeting_id

    async def start(self) -> None:
        """Begin to listen and to follow."""
        self._following = asyncio.create_task(self._follow(), name=f"{self.name} follows")
        self._tasks = [asyncio.create_task(self._listen(), name=f"{self.name} listens")]
        if self._own_departures:
            self._tasks.append(asyncio.create_task(self._departures.run(), name=f"{self.name} watches"))

    async def stop(self) -> None:
        """Hang up, and wait until that is done."""
        self.hang_up()
        if self._following:
            await asyncio.wait([self._following], timeout=5)
            self._tasks.append(self._following)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._own_http:
            await self._http.close()

    def hang_up(self) -> None:
        """Leave for good, as soon as a move that is under way is done: a half-made join would leave a ghost."""
        self.hung_up = True
        self._look.set()

    async def _listen(self) -> None:
        """Keep the stream open, until it has hung up."""
        pause = FIRST_RETRY
        while not self.hung_up:
            self.connections += 1
            resume = {"Last-Event-ID": self._last_event_id} if self._last_event_id else {}
            try:
                async for event in events(self._http, f"{self._api}/v1/seat/events", self._bearer | resume):
                    pause = FIRST_RETRY
                    self._hear(event)
            except TROUBLE:
                pause = min(pause * 2, LONGEST_RETRY)
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads reconnects

    def _hear(self, event: ServerEvent) -> None:
        self._last_event_id = event.id or self._last_event_id
        match event.name:
            case "seat" if self.seat is None or event.data["version"] >= self.seat["version"]:
                self.seat = event.data
                self._look.set()
            case "warning":
                self.heard.warnings.append(event.data)
            case "broadcast":
                self.heard.broadcasts.append(event.data)
            case "closing":
                self.heard.closings.append(event.data)

    async def _follow(self) -> None:
        """Go where the seat says whenever seat or place have changed; what fails is tried again."""
        pause: float | None = None
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), pause)
            self._look.clear()
            if pause is None and self.behaviour.reaction[1] and not self.hung_up:
                await asyncio.sleep(random.uniform(*self.behaviour.reaction))  # noqa: S311 - people differ
            try:
                await (self._leave() if self.hung_up else self._go())
                pause = None
            except TROUBLE:
                pause = min((pause or FIRST_RETRY) * 2, LONGEST_RETRY)
            if self.hung_up and self.place is None:
                return

    async def _go(self) -> None:
        """One step: leave, join, acknowledge. Raises when something did not work."""
        seat = self.seat
        if seat is None or (self.behaviour.never_moves and (self.place or seat["location"] != "main")):
            return
        if seat["realtimekit_meeting_id"] != self.meeting_id:
            if not seat["auth_token"]:
                return
            await self._leave()
            await self._join(seat)
        if not self.behaviour.no_ack:
            await self._acknowledge(seat)

    async def _join(self, seat: Mapping[str, Any]) -> None:
        joined = await self._post(f"{self._sandbox}/_sandbox/join", {"auth_token": seat["auth_token"]})
        meeting_id, peer_id = joined["meeting_id"], joined["peer_id"]
        self.place = Place(time.time(), seat["location"], meeting_id, seat.get("room_id"), peer_id)
        self.places.append(self.place)
        self._departures.watch(peer_id, self._put_out)
        if seat["location"] == "room" and self.behaviour.leaves_after is not None:
            asyncio.get_running_loop().call_later(self.behaviour.leaves_after, self.hang_up)

    async def _leave(self) -> None:
        if place := self.place:
            await self._post(f"{self._sandbox}/_sandbox/leave", {"peer_id": place.peer_id})
            self._departures.forget(place.peer_id)
            self.place = None

    def _put_out(self, peer_id: str) -> None:
        """Kicked: go (back) to where the seat says."""
        if self.place and self.place.peer_id == peer_id:
            self.place = self._acknowledged = None
            self._look.set()

    async def _acknowledge(self, seat: Mapping[str, Any]) -> None:
        done = (str(self.meeting_id), int(seat["version"]))
        if self._acknowledged == done:
            return
        body = {"location": seat["location"], "version": seat["version"]}
        if seat["location"] == "room":
            body["room_id"] = seat["room_id"]
        try:
            await self._post(f"{self._api}/v1/seat/ack", body, self._bearer)
        except aiohttp.ClientResponseError as error:
            if error.status >= 500:
                raise
        self._acknowledged = done  # what was refused is not said again: the next seat will tell

    async def _post(self, url: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Any:
        timeout = aiohttp.ClientTimeout(total=15)
        async with self._http.post(url, json=body, headers=headers, timeout=timeout) as answer:
            answer.raise_for_status()
            return await answer.json() if answer.status != 204 else None
