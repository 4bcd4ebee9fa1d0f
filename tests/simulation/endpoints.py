"""Callers' systems that hear of a run: some answer at once, some fail, hang or say that they are gone."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.domain.delivering import GONE, is_success
from orchestrator.services.webhooks import endpoints
from schemas.requests import EndpointChange, EndpointRequest

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.simulation import Simulation

T = TypeVar("T")

HABITS: dict[str, tuple[float, tuple[str, ...]]] = {
    "well": (0.0, ()),
    "fails": (0.15, ("500", "302", "reset before")),
    "hangs": (0.1, ("silence", "answer lost")),
    "is odd": (0.1, ("500", "silence", "answer lost", "slow", "slow")),
    "leaves": (0.05, ("410",)),
}
"""How likely something goes wrong at an endpoint each time, and what."""
STATUSES = {"500": 500, "302": 302, "410": GONE}
WIRE_SECONDS, SLOW_SECONDS, HANG_SECONDS = 0.03, 4.0, 10.0
UNHEARD = frozenset({"silence", "reset before"})
"""What has no effect at the endpoint."""
TYPES = (None, None, ["participant.state", "breakout.state"])
"""Which types of events an endpoint asks for."""


@dataclass(frozen=True)
class Receipt:
    """One attempt that has reached an endpoint."""

    at: float
    delivery_id: str
    body: dict[str, Any]
    status: int | None
    """What the sender was told; None for nothing."""

    @property
    def breakout_id(self) -> str:
        """The breakout that it is about; nothing for a ping."""
        return str(self.body["data"]["breakout_id"] or "")

    @property
    def said(self) -> dict[str, Any]:
        """The event as the log tells it."""
        beside = ("breakout_id", "meeting_id", "actor")
        data = {name: value for name, value in self.body["data"].items() if name not in beside}
        return {"type": self.body["type"], "at": self.body["timestamp"], "data": data}


@dataclass
class Caller:
    """One caller's system."""

    url: str
    habit: str
    types: list[str] | None
    row_id: str = ""
    is_gone: bool = False
    is_off: bool = False
    """Whether an operator has disabled it."""
    is_switching: bool = False
    receipts: list[Receipt] = field(default_factory=list)

    @property
    def is_disabled(self) -> bool:
        """Whether nothing is to be sent to it."""
        return self.is_gone or self.is_off


class Callers:
    """All callers' systems of a run, and what comes to them."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self.all: list[Caller] = []

    def come(self) -> None:
        """Let endpoints be registered in some runs, as soon as there is a meeting."""
        luck = self._simulation.luck
        for number in range(luck.unusual("endpoints", 0.35, (1, 1, 2), 0)):
            habit = luck.one_of(f"endpoint {number} habit", tuple(HABITS))
            types = luck.one_of(f"endpoint {number} types", TYPES)
            caller = Caller(f"https://caller-{number}.example/hook", habit, types)
            self.all.append(caller)
            self._register(caller, luck.one_of(f"endpoint {number} scope", (True, False)))

    def _register(self, caller: Caller, of_meeting: bool) -> None:
        run = self._simulation
        body = EndpointRequest.model_validate(
            {"url": caller.url, "events": caller.types, "meeting_id": run.meeting_id if of_meeting else None}
        )

        def registered(secret: endpoints.Secret | None) -> None:
            if secret is not None and not caller.row_id:
                caller.row_id = secret.endpoint_id

        run.request(lambda deps: endpoints.create(deps, body), registered)

    def switch(self, caller: Caller) -> None:
        """Disable an endpoint, or let its system come back and enable it."""
        run, disabled = self._simulation, not caller.is_disabled
        caller.is_switching = True
        if not disabled:
            caller.is_gone = False

        def switched(_: None) -> None:
            caller.is_off, caller.is_switching = disabled, False

        body = EndpointChange(disabled=disabled)
        run.request(lambda deps: endpoints.change(deps, caller.row_id, body), switched)

    async def receive(self, url: str, body: bytes, delivery_id: str) -> int | None:
        """Let an attempt arrive, and return what the sender is told."""
        run = self._simulation
        caller = next(it for it in self.all if it.url == url)
        probability, ways = HABITS[caller.habit]
        calm = run.weather != run.first_weather
        fate = run.luck.unusual(f"delivery to {url[8:16]}", 0.0 if calm else probability, ways or ("ok",), "ok")
        fate = "410" if caller.is_gone else fate
        await asyncio.sleep(WIRE_SECONDS)
        status = None if fate in (*UNHEARD, "answer lost") else STATUSES.get(fate, 200)
        if fate not in UNHEARD:
            caller.is_gone |= status == GONE
            caller.receipts.append(Receipt(run.hub.loop.time(), delivery_id, json.loads(body), status))
        run.tell(url[8:16], f"{delivery_id[-6:]} {json.loads(body)['type']}: {fate}")
        await asyncio.sleep(HANG_SECONDS if fate in ("silence", "answer lost") else WIRE_SECONDS)
        if fate == "slow":
            await asyncio.sleep(SLOW_SECONDS)
        return status


class SimulatedPost:
    """What stands in for the loop and the connections of deliveries, for one life of a process."""

    def __init__(self, simulation: "Simulation", process: "Process", life: int) -> None:
        self._simulation = simulation
        self._process = process
        self._life = life

    def check(self, url: str) -> None:
        """Take any."""

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Start `work` on the hub's loop. It ends when the process dies."""
        task = self._simulation.hub.loop.create_task(work)
        self._process.tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: "asyncio.Task[None]") -> None:
        self._process.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._simulation.fail(f"bug: {type(error).__name__}: {error}, while delivering")

    async def aside(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do blocking `work` in a thread of the process."""
        done: asyncio.Future[T] = self._simulation.hub.loop.create_future()

        def there(_: object) -> None:
            try:
                result = work(*arguments)
            except Exception as error:
                if not done.done():
                    done.set_exception(error)
            else:
                if not done.done():
                    done.set_result(result)

        self._process.run(there)
        return await done

    @asynccontextmanager
    async def connections(self) -> AsyncIterator[None]:
        """Open nothing."""
        yield

    async def call(self, _: None, url: str, body: bytes, headers: Mapping[str, str]) -> int | None:
        """Send to a caller's system, unless the process dies or stands still."""
        await self._go_on("delivery: not sent")
        status = await self._simulation.callers.receive(url, body, headers["webhook-id"])
        await self._go_on("delivery: answered")
        return status

    async def _go_on(self, point: str) -> None:
        self._process.reach(self._life, point)
        loop = self._simulation.hub.loop
        if self._process.lives != self._life or not self._process.is_alive:
            await loop.create_future()
        while (seconds := self._process.frozen_until - loop.time()) > 0:  # noqa: ASYNC110 - it may freeze anew
            await asyncio.sleep(seconds)

    def close(self) -> None:
        """Nothing is open."""


def order(caller: Caller) -> list[str]:
    """Return what is wrong with the order in which an endpoint has heard of each breakout."""
    told: dict[str, list[Receipt]] = {}
    for receipt in caller.receipts:
        if receipt.breakout_id:  # a ping waits for nothing
            told.setdefault(receipt.breakout_id, []).append(receipt)
    return [words for receipts in told.values() for words in _out_of_turn(receipts)]


def _out_of_turn(receipts: list[Receipt]) -> list[str]:
    found, last, ended = [], "", set[str]()
    for receipt in receipts:
        if receipt.delivery_id not in {it.delivery_id for it in receipts[: receipts.index(receipt)]}:
            if last and last not in ended:
                found.append(f"{receipt.body['type']} was sent before {last[-6:]} was taken, or refused for good")
            last = receipt.delivery_id
        if is_success(receipt.status) or receipt.status == GONE:
            ended.add(receipt.delivery_id)
    return found


def first_attempts(caller: Caller, breakout_id: str) -> list[Receipt]:
    """Return the first attempt at each delivery about a breakout."""
    found: dict[str, Receipt] = {}
    for receipt in caller.receipts:
        if receipt.breakout_id == breakout_id:
            found.setdefault(receipt.delivery_id, receipt)
    return list(found.values())
