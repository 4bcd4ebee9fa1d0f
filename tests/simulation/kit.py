"""RealtimeKit in memory: the handlers of the sandbox behind the methods of the official SDK, with a network between.

The client's coroutines (orchestrator/realtimekit) call what stands in for the SDK. A call is on the wire for a while,
has its effect in the sandbox's world, and its answer is on the wire for a while. Any of this may go wrong.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import aiohttp

from orchestrator.errors import OutOfQuota
from orchestrator.realtimekit.quota.budget import Budget, QuotaRequest
from orchestrator.realtimekit.quota.gate import Decision
from orchestrator.realtimekit.quota.memory import ProcessMemory
from orchestrator.realtimekit.sdk import Answer, Request
from orchestrator.runtime.clock import elapsed
from orchestrator.sandbox.rest.calls import Call, Handler
from orchestrator.sandbox.rest.faults import too_many_requests
from orchestrator.sandbox.rest.responses import Response, refused
from orchestrator.sandbox.rest.routes import ROUTES
from orchestrator.sandbox.rest.spoil import BROKEN, GARBLED
from orchestrator.sandbox.world.state import World
from orchestrator.sandbox.world.values import Refusal
from tests.simulation.hub import VirtualLoop
from tests.simulation.luck import Luck

WIRE_SECONDS = 0.04
"""How long a call, and again its answer, is usually on the wire."""
SLOW = (0.0, 0.3, 1.5, 4.0)
WITHOUT_EFFECT = ("error before", "silence", "reset before", "429")
AFTER_EFFECT = ("error after", "silence after", "reset after", "garbled")
BUDGET = Budget(100_000, 300.0)
"""The quota has tests of its own; here only its gate after a 429 matters."""


@dataclass(frozen=True)
class Route:
    """One operation: its handler, its method, and the names of what stands in its path."""

    operation: str
    method: str
    handler: Handler
    in_path: tuple[str, ...]


def _routes() -> dict[str, Route]:
    names = {
        operation: tuple(part[1:-1] for part in path.split("/") if part.startswith("{"))
        for _, path, operation, _ in ROUTES
    }
    return {operation: Route(operation, method, handler, names[operation]) for method, _, operation, handler in ROUTES}


OF_METHOD = {
    ("meetings", "create"): "create_meeting",
    ("meetings", "get"): "get_meetings",
    ("presets", "get"): "get_presets",
}
"""Operations whose name differs from that of the SDK's method."""


@dataclass
class Troubles:
    """How likely each kind of trouble is for one call."""

    fails: float = 0.0
    refuses: float = 0.0
    slow: float = 0.0
    rate_limited: float = 0.0


INSTEAD = {
    "error before": BROKEN,
    "429": too_many_requests(2),
    "refused": refused(Refusal(400, "Refused by the simulation")),
}
"""What comes back of a call that never had its effect."""
SPOILT = {"error after": BROKEN, "garbled": GARBLED}
"""What comes back of a call that had its effect."""


@dataclass(frozen=True)
class Sent:
    """A call on the wire."""

    wire: "Wire"
    call: Call
    handler: Handler
    fate: str
    back: float
    """How many seconds its answer takes."""
    answer: "asyncio.Future[Answer]"


@dataclass
class Network:
    """Everything between the client and the world, for all processes."""

    world: World
    loop: VirtualLoop
    luck: Luck
    troubles: Troubles = field(default_factory=Troubles)
    routes: dict[str, Route] = field(default_factory=_routes)
    on_effect: Callable[[str], None] = lambda _: None
    """Told of each call that has had its effect."""

    def send(self, wire: "Wire", call: Call, handler: Handler) -> "asyncio.Future[Answer]":
        """Put a call on the wire."""
        about = f"call {call.operation}"
        there = self.luck.unusual(f"{about} slow", self.troubles.slow, SLOW, WIRE_SECONDS)
        back = self.luck.unusual(f"{about} slow answer", self.troubles.slow, SLOW, WIRE_SECONDS)
        sent = Sent(wire, call, handler, self._fate(about), back, self.loop.create_future())
        self.loop.call_later(there, self._arrive, sent)
        return sent.answer

    def _fate(self, about: str) -> str:
        if self.luck.strikes(f"{about} refused", self.troubles.refuses):
            return "refused"
        return self.luck.unusual(about, self.troubles.fails, (*WITHOUT_EFFECT, *AFTER_EFFECT, *AFTER_EFFECT), "ok")

    def _arrive(self, sent: "Sent") -> None:
        """Let a call have its effect, whoever waits for its answer by now, and send the answer."""
        response = INSTEAD.get(sent.fate)
        if response is None and sent.fate not in ("silence", "reset before"):
            response = self._effect(sent.call, sent.handler)
            sent.wire.reach(f"{sent.call.operation}: done")
        if sent.fate.startswith("reset"):
            self.loop.call_later(sent.back, _cut, sent.answer)
        elif response is not None and not sent.fate.startswith("silence"):
            self.loop.call_later(sent.back, _give, sent.answer, SPOILT.get(sent.fate, response))

    def _effect(self, call: Call, handler: Handler) -> Response:
        try:
            response = handler(self.world, call)
        except Refusal as refusal:
            response = refused(refusal)
        self.on_effect(
            f"{call.operation} {' '.join(call.params.values())} {call.body.decode()[:100]}: {response.status}"
        )
        return response


def _cut(answer: "asyncio.Future[Answer]") -> None:
    if not answer.done():
        answer.set_exception(aiohttp.ClientConnectionError("Connection reset"))


def _give(answer: "asyncio.Future[Answer]", response: Response) -> None:
    if answer.done():
        return
    body = response.body if isinstance(response.body, bytes) else json.dumps(response.body).encode()
    headers = {name.decode(): value.decode() for name, value in response.headers}
    answer.set_result(Answer(response.status, headers, body))


class Wire:
    """One process's end of the network. It has the shape of the SDK."""

    def __init__(self, network: Network, reach: Callable[[str], None], alive: Callable[[], bool]) -> None:
        self._network = network
        self.reach = reach
        self._alive = alive

    async def send(self, request: Request) -> Answer:
        """Let a request call a method of this object as it would one of the SDK."""
        answer = await request(cast(Any, self))
        assert isinstance(answer, Answer)
        return answer

    def __getattr__(self, noun: str) -> "Methods":
        return Methods(self, noun)

    async def close(self) -> None:
        """Nothing is open."""

    async def call(self, operation: str, args: tuple[Any, ...], fields: dict[str, Any]) -> Answer:
        """Send one call and wait for its answer."""
        route = self._network.routes[operation]
        call = _call(route, args, fields)
        self.reach(f"{call.operation}: not sent")
        if not self._alive():
            await self._network.loop.create_future()
        return await self._network.send(self, call, route.handler)


class Methods:
    """All methods of a noun. The names of the SDK's methods are the sandbox's operations."""

    def __init__(self, wire: Wire, noun: str) -> None:
        self._wire = wire
        self._noun = noun

    def __getattr__(self, method: str) -> Callable[..., Any]:
        operation = OF_METHOD.get((self._noun, method), method)
        return lambda *args, **fields: self._wire.call(operation, args, fields)


def _call(route: Route, args: tuple[Any, ...], fields: dict[str, Any]) -> Call:
    """Build the call as it would come in over HTTP."""
    for name in ("account_id", "app_id"):
        fields.pop(name)
    given = iter(args)
    params = {name: fields.pop(name) if name in fields else next(given) for name in route.in_path}
    if route.method == "GET":
        query = {
            name: [str(it) for it in (value if isinstance(value, list) else [value])] for name, value in fields.items()
        }
        return Call(route.operation, route.method, "", params, query, b"")
    return Call(route.operation, route.method, "", params, {}, json.dumps(fields).encode())


class OpenGate:
    """The quota of one process, which is never used up; after a 429 it is closed like the real one."""

    def __init__(self) -> None:
        self._memory = ProcessMemory([BUDGET, BUDGET], clock=elapsed)

    async def take(self, _: QuotaRequest) -> Decision:
        """Let every call out while the gate is open."""
        await self.opened()
        return Decision("", 0.0)

    async def opened(self) -> None:
        """Refuse every call while the gate is closed."""
        if seconds := self._memory.gate_closed_seconds:
            raise OutOfQuota(f"no call to RealtimeKit is free for {seconds:.1f} s", retry_after=seconds)

    def answered(self, call_id: str) -> None:
        """Forget the call."""

    async def block(self, seconds: float) -> None:
        """Close the gate."""
        self._memory.close_gate(seconds)

    async def used(self) -> int:
        """Return that nothing counts."""
        return 0

    async def close(self) -> None:
        """Nothing is open."""
