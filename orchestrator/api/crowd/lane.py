"""The lane of participants and webhooks: a bounded number of their requests is worked on at a time.

A thousand browsers ask in the same second. Were all of their requests begun at once, an operator's request would take
its turn among a thousand. Here the others wait in a row that costs nothing, and beyond its end they are refused.
Browsers and RealtimeKit have rows of their own that take turns, so that neither's thousands keep the other waiting.
Browsers get more of the turns, because people wait for them, and a webhook says later what a browser's ack has said.
"""

import asyncio
import random
from collections import OrderedDict, deque
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator import metrics
from orchestrator.api.problems import of_user_error
from orchestrator.errors import NotNow

TURNS = {"/v1/seat": 3, "/v1/webhooks/": 1}
"""The beginnings of the paths that participants' browsers and RealtimeKit call, and the turns of each while both wait.

Each has a row of its own.
"""
ACTIVE_MOST = 100
"""Requests that are worked on at a time."""
WAITING_MOST = 10_000
"""Requests that wait in one row: what the largest breakout makes in two seconds, a few seconds' work on two cores."""
TURN_SECONDS = 5.0
"""How long a request keeps its turn at most."""
BUFFERED_BYTES_MOST = 65_536
"""How much of a body is read before its request gets a turn. The bodies of participants and webhooks are smaller."""
LONG_MOST = 10
"""Requests with a longer body that are let in at a time. A stranger may begin thousands, and never send the rest."""
RETRY_AFTER_SECONDS = (1.0, 5.0)
"""Bounds of the random time after which a refused request is to come again, so that a crowd does not come at once."""

_TurnAnswer = asyncio.Future[bool]
"""Whether the turn has come; else the client is gone."""
_Row = OrderedDict[_TurnAnswer, None]
"""The turns of those who wait, in their order."""

_random = random.Random()  # noqa: S311 - spreads retries, guards nothing


class Lane:
    """Middleware that lets requests of participants begin one after the other."""

    def __init__(
        self,
        app: ASGIApp,
        active_most: int = ACTIVE_MOST,
        waiting_most: int = WAITING_MOST,
        turn_seconds: float = TURN_SECONDS,
        long_most: int = LONG_MOST,
    ) -> None:
        self._app = app
        self._active_most, self._waiting_most, self._long_most = active_most, waiting_most, long_most
        self._turn_seconds = turn_seconds
        self._active, self._long = 0, 0
        self._rows: dict[str, _Row] = {prefix: OrderedDict() for prefix in TURNS}
        self._next_rows = deque(self._rows[prefix] for prefix, turns in TURNS.items() for _ in range(turns))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection.

        The body comes first, because a client that sends it slowly, or never, must not keep a turn from others. What is
        left of a long one is read in turn, so few of these are let in: they could keep all turns, and fill memory.
        """
        row = self._row(scope)
        if row is None:
            await self._app(scope, receive, send)
            return
        waiting = _Waiting(receive)
        await waiting.read_body()
        if waiting.is_whole:
            await self._take_turn(row, scope, waiting, send)
        elif self._long >= self._long_most:
            await _turn_away("too many long bodies", "too many long bodies are on their way", scope, waiting, send)
        else:
            self._long += 1
            try:
                await self._take_turn(row, scope, waiting, send)
            finally:
                self._long -= 1

    async def _take_turn(self, row: _Row, scope: Scope, waiting: "_Waiting", send: Send) -> None:
        if self._active < self._active_most:
            self._active += 1
            await self._serve(scope, waiting.receive, send)
        elif len(row) >= self._waiting_most:
            await _turn_away("too many wait", "too many requests wait", scope, waiting, send)
        else:
            await self._wait_and_serve(row, scope, waiting, send)

    def _row(self, scope: Scope) -> _Row | None:
        """Return the row of a request; None for those that wait in none."""
        if scope["type"] != "http":
            return None
        return next((row for prefix, row in self._rows.items() if scope["path"].startswith(prefix)), None)

    async def _wait_and_serve(self, row: _Row, scope: Scope, waiting: "_Waiting", send: Send) -> None:
        row[waiting.turn] = None
        try:
            await waiting.wait()
        except BaseException:
            self._give_up(row, waiting)
            raise
        if waiting.is_gone:
            self._give_up(row, waiting)
            # for the log: it reaches nobody
            await _turn_away("nobody waits for it", "nobody waits for the answer", scope, waiting, send)
            return
        await self._serve(scope, waiting.receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request whose turn has come.

        The turn ends when the answer begins, because a stream has no end. It also ends after TURN_SECONDS, because the
        rest of a long body may never come.
        """
        turn = _Turn(self._end_turn, self._turn_seconds)

        async def send_and_end_turn(message: Message) -> None:
            turn.end()
            await send(message)

        try:
            await self._app(scope, receive, send_and_end_turn)
        finally:
            turn.end()

    def _end_turn(self) -> None:
        """Give the turn to the request that has waited the longest in the next row."""
        for _ in range(len(self._next_rows)):
            row = self._next_rows[0]
            self._next_rows.rotate(-1)
            while row:
                turn, _ = row.popitem(last=False)
                if not turn.done():
                    turn.set_result(True)
                    return
        self._active -= 1

    def _give_up(self, row: _Row, waiting: "_Waiting") -> None:
        """Forget a request that goes away, or pass on the turn that it has just got."""
        if waiting.has_turn():
            self._end_turn()
        waiting.turn.cancel()
        row.pop(waiting.turn, None)


class _Turn:
    """The turn of one request, which ends once."""

    def __init__(self, end_turn: Callable[[], None], most_seconds: float) -> None:
        self._end_turn: Callable[[], None] | None = end_turn
        self._timer = asyncio.get_running_loop().call_later(most_seconds, self.end)

    def end(self) -> None:
        """End the turn, unless it has ended."""
        end_turn, self._end_turn = self._end_turn, None
        if end_turn is not None:
            self._timer.cancel()
            end_turn()


class _Waiting:
    """A request that waits for its turn. Reading goes on meanwhile, because that is how a client's leaving shows."""

    def __init__(self, receive: Receive) -> None:
        self.turn: _TurnAnswer = asyncio.get_running_loop().create_future()
        self.is_gone = False
        self.is_whole = False
        self._receive = receive
        self._read: deque[Message] = deque()
        self._read_bytes = 0
        self._reading: asyncio.Task[Message] | None = None

    async def read_body(self) -> None:
        """Return when the whole body has arrived or so much of it, or when the client is gone."""
        while not self.is_whole and self._read_bytes <= BUFFERED_BYTES_MOST:
            self._keep(await self._receive())
            self.is_whole = not self._read[-1].get("more_body", False)

    async def wait(self) -> None:
        """Return when it is its turn, or when the client is gone. Raises what reading raises.

        The rest of a long body is not read meanwhile, because it would fill memory. Such a client's leaving shows only
        when its turn has come.
        """
        if self.is_gone:
            return
        if self.is_whole:
            self._reading = asyncio.ensure_future(self._receive())
            self._reading.add_done_callback(self._note_end)
        try:
            self.is_gone = not await self.turn
        except asyncio.CancelledError:
            if self._reading is not None:
                self._reading.cancel()
            raise

    def _note_end(self, reading: asyncio.Task[Message]) -> None:
        """Wait no longer: behind a whole body there is nothing but the end of the connection."""
        if reading.cancelled():
            return
        error = reading.exception()
        if self.turn.done():
            return
        if error is not None:
            self.turn.set_exception(error)
        else:
            self.turn.set_result(False)

    def _keep(self, message: Message) -> None:
        self.is_gone = message["type"] == "http.disconnect"
        self._read_bytes += len(message.get("body", b""))
        self._read.append(message)

    def has_turn(self) -> bool:
        """Return whether the turn has come, also when nobody has noticed that yet."""
        turn = self.turn
        return turn.done() and not turn.cancelled() and turn.exception() is None and turn.result()

    async def receive(self) -> Message:
        """Return the messages that were read while the request waited, and then those that follow."""
        if self._read:
            return self._read.popleft()
        reading, self._reading = self._reading, None
        return await (reading or self._receive())


async def _turn_away(why: str, detail: str, scope: Scope, waiting: _Waiting, send: Send) -> None:
    metrics.HTTP_TURNED_AWAY.labels(why).inc()
    refusal = of_user_error(NotNow(detail, retry_after=_random.uniform(*RETRY_AFTER_SECONDS)))
    await refusal(scope, waiting.receive, send)
