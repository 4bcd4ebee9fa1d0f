"""One simulated person: keeps a seat stream open and joins the meeting that its seat names, like a good browser client.

It only compares the latest seat with the meeting that it is in, and moves when they differ. After it was put out, and
after a meeting did not let it in, it asks for its seat anew, because its stream may not have told the last change yet.
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

MIN_RETRY_SECONDS, MAX_RETRY_SECONDS = 0.1, 2.0
ASKS_AFTER_KICK = 40
"""How often somebody who was put out asks for their seat, a second apart, while nobody answers."""
CALL_TIMEOUT_SECONDS = 15
HANG_UP_SECONDS = 5
UNAUTHORIZED = 401
"""The status with which the sandbox refuses a token. A join that it refuses for another reason has another one."""
NETWORK_ERRORS = (aiohttp.ClientError, TimeoutError, OSError)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a person differs from an ideal one; times in seconds."""

    reaction: tuple[float, float] = (0.0, 0.0)
    """Bounds of the random time that passes before it follows its seat."""
    never_moves: bool = False
    """It stays in main, whatever its seat says."""
    leaves_after: float | None = None
    """How long after its arrival in a room it hangs up for good."""
    no_ack: bool = False
    """It never acknowledges a seat."""


@dataclass(frozen=True, slots=True)
class Stay:
    """The time that a person spends in one meeting; `joined_at` in seconds since the epoch."""

    joined_at: float
    location: str
    meeting_id: str
    room_id: str | None
    peer_id: str


@dataclass(frozen=True, slots=True)
class Kick:
    """A time when a person was put out of a meeting."""

    meeting_id: str
    pointed_there: bool
    """Whether the seat pointed to that meeting, by the same version before and after."""


@dataclass(slots=True)
class Notices:
    """The events of the seat stream other than seats."""

    warnings: list[dict[str, Any]] = field(default_factory=list)
    broadcasts: list[dict[str, Any]] = field(default_factory=list)
    closings: list[dict[str, Any]] = field(default_factory=list)


class Person:
    """One browser. Call `start()` inside a running event loop; `stop()` hangs up."""

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
        self.stay: Stay | None = None
        self.stays: list[Stay] = []
        self.kicks: list[Kick] = []
        self.notices = Notices()
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
        self._changed = asyncio.Event()
        self._last_event_id: str | None = None
        self._acknowledged: tuple[str, int] | None = None
        self._unsure = False
        """Whether its seat may have changed unheard."""
        self._known = 0
        """The version that it knew when it opened the stream, until the stream has told the seat."""

    @property
    def meeting_id(self) -> str | None:
        """The meeting that it is in now."""
        return self.stay.meeting_id if self.stay else None

    @property
    def settled(self) -> bool:
        """Whether it is in the meeting that its seat names."""
        return self.seat is not None and self.seat["realtimekit_meeting_id"] == self.meeting_id

    async def start(self) -> None:
        """Open the seat stream, and follow the seat."""
        self._following = asyncio.create_task(self._follow(), name=f"{self.name} follows")
        self._tasks = [asyncio.create_task(self._listen(), name=f"{self.name} listens")]
        if self._own_departures:
            self._tasks.append(asyncio.create_task(self._departures.run(), name=f"{self.name} watches"))

    async def stop(self) -> None:
        """Hang up, and wait until that is done."""
        self.hang_up()
        if self._following:
            await asyncio.wait([self._following], timeout=HANG_UP_SECONDS)
            self._tasks.append(self._following)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._own_http:
            await self._http.close()

    def hang_up(self) -> None:
        """Leave for good, after a move that is under way; cutting a join short could leave a peer behind."""
        self.hung_up = True
        self._changed.set()

    async def _listen(self) -> None:
        """Keep the seat stream open until the person hangs up."""
        pause = MIN_RETRY_SECONDS
        while not self.hung_up:
            self.connections += 1
            self._known = self.seat["version"] if self.seat else 0
            resume = {"Last-Event-ID": self._last_event_id} if self._last_event_id else {}
            try:
                async for event in events(self._http, f"{self._api}/v1/seat/events", self._bearer | resume):
                    pause = MIN_RETRY_SECONDS
                    self._receive(event)
            except NETWORK_ERRORS:
                pause = min(pause * 2, MAX_RETRY_SECONDS)
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads reconnects

    def _receive(self, event: ServerEvent) -> None:
        self._last_event_id = event.id or self._last_event_id
        match event.name:
            case "seat":
                if event.data["version"] < self._known:  # a backup was restored
                    self.seat = None
                self._known = 0
                self._take(event.data)
                self._changed.set()
            case "warning":
                self.notices.warnings.append(event.data)
            case "broadcast":
                self.notices.broadcasts.append(event.data)
            case "closing":
                self.notices.closings.append(event.data)

    def _take(self, seat: dict[str, Any]) -> None:
        if self.seat is None or seat["version"] >= self.seat["version"]:
            self.seat = seat

    async def _ask(self) -> None:
        """Read the seat. While nobody answers, what was heard last still counts."""
        timeout = aiohttp.ClientTimeout(total=CALL_TIMEOUT_SECONDS)
        with contextlib.suppress(*NETWORK_ERRORS):
            async with self._http.get(f"{self._api}/v1/seat", headers=self._bearer, timeout=timeout) as answer:
                answer.raise_for_status()
                self._take(await answer.json())

    async def _follow(self) -> None:
        """Move whenever the seat or the stay has changed; retry after network errors."""
        pause: float | None = None
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), pause)
            self._changed.clear()
            if pause is None and self.behaviour.reaction[1] and not self.hung_up:
                await asyncio.sleep(random.uniform(*self.behaviour.reaction))  # noqa: S311 - people differ
            try:
                await (self._leave() if self.hung_up else self._move())
                pause = None
            except NETWORK_ERRORS:
                pause = min((pause or MIN_RETRY_SECONDS) * 2, MAX_RETRY_SECONDS)
            if self.hung_up and self.stay is None:
                return

    async def _move(self) -> None:
        """Leave, join and acknowledge, as far as the seat asks for it; raises NETWORK_ERRORS."""
        if self._unsure:
            await self._ask()
            self._unsure = False
        seat = self.seat
        if seat is None or (self.behaviour.never_moves and (self.stay or seat["location"] != "main")):
            return
        if seat["realtimekit_meeting_id"] != self.meeting_id:
            if not seat["auth_token"]:
                return
            await self._leave()
            self._unsure = True  # unless the join works
            await self._join(seat)
            self._unsure = False
        if not self.behaviour.no_ack:
            await self._acknowledge(seat)

    async def _join(self, seat: Mapping[str, Any]) -> None:
        try:
            joined = await self._post(f"{self._sandbox}/_sandbox/join", {"auth_token": seat["auth_token"]})
        except aiohttp.ClientResponseError as error:
            if error.status == UNAUTHORIZED:
                refused = {"location": "refused", "version": seat["version"]}
                await self._post(f"{self._api}/v1/seat/ack", refused, self._bearer)
            raise
        meeting_id, peer_id = joined["meeting_id"], joined["peer_id"]
        self.stay = Stay(time.time(), seat["location"], meeting_id, seat.get("room_id"), peer_id)
        self.stays.append(self.stay)
        self._departures.watch(peer_id, self._on_put_out)
        if seat["location"] == "room" and self.behaviour.leaves_after is not None:
            asyncio.get_running_loop().call_later(self.behaviour.leaves_after, self.hang_up)

    async def _leave(self) -> None:
        if stay := self.stay:
            await self._post(f"{self._sandbox}/_sandbox/leave", {"peer_id": stay.peer_id})
            self._departures.forget(stay.peer_id)
            self.stay = None

    def _on_put_out(self, peer_id: str) -> None:
        """Follow the seat again after a kick, and note it."""
        if self.stay and self.stay.peer_id == peer_id:
            noting = self._note_kick(self.stay.meeting_id, self.seat)
            self._tasks.append(asyncio.create_task(noting, name=f"{self.name} notes a kick"))
            self.stay = self._acknowledged = None
            self._unsure = True
            self._changed.set()

    async def _note_kick(self, meeting_id: str, seat: Mapping[str, Any] | None) -> None:
        """Note a kick. The API is asked for the seat, because a newer one may not have reached the page yet."""
        pointed_there = seat is not None and seat["realtimekit_meeting_id"] == meeting_id
        for _ in range(ASKS_AFTER_KICK if pointed_there else 0):
            with contextlib.suppress(*NETWORK_ERRORS):
                timeout = aiohttp.ClientTimeout(total=CALL_TIMEOUT_SECONDS)
                async with self._http.get(f"{self._api}/v1/seat", headers=self._bearer, timeout=timeout) as answer:
                    answer.raise_for_status()
                    pointed_there = seat is not None and (await answer.json())["version"] == seat["version"]
                    break
            await asyncio.sleep(1.0)  # whoever can't ask can't say that the seat pointed there
        self.kicks.append(Kick(meeting_id, pointed_there))

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
        self._acknowledged = done  # also when it was refused (4xx): then a newer seat is on its way

    async def _post(self, url: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Any:
        timeout = aiohttp.ClientTimeout(total=CALL_TIMEOUT_SECONDS)
        async with self._http.post(url, json=body, headers=headers, timeout=timeout) as answer:
            answer.raise_for_status()
            return await answer.json() if answer.status != 204 else None
