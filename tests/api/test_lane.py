"""Requests of participants begin in turn; those of operators never wait for them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from orchestrator.api.crowd.lane import BUFFERED_BYTES_MOST, Lane

SEAT, WEBHOOK, OPERATORS = "/v1/seat/ack", "/v1/webhooks/realtimekit", "/v1/breakouts"


class App:
    """An application that answers a request when it is told to."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.bodies: list[bytes] = []
        self.may_answer = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the request, and wait before it is answered."""
        self.begun.append(scope["path"])
        message, body = await receive(), b""
        while message.get("more_body"):
            message, body = await receive(), body + message["body"]
        self.bodies.append(body + message["body"])
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Client:
    """One connection."""

    def __init__(self, lane: Lane, path: str, *, is_slow: bool = False) -> None:
        self.answers: list[Message] = []
        self.when_answered: Callable[[], object] = lambda: None
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._messages.put_nowait({"type": "http.request", "body": path.encode(), "more_body": is_slow})
        self.task = asyncio.ensure_future(lane({"type": "http", "path": path}, self._messages.get, self._send))

    @property
    def status(self) -> int | None:
        """The status of the answer, if there is one."""
        return self.answers[0]["status"] if self.answers else None

    def send_rest(self) -> None:
        """Send the rest of a slow body."""
        self._messages.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    def disconnect(self) -> None:
        """Close the connection."""
        self._messages.put_nowait({"type": "http.disconnect"})

    async def _send(self, message: Message) -> None:
        self.answers.append(message)
        self.when_answered()


def in_a_loop(story: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run an async test with a deadline."""

    def test() -> None:
        asyncio.run(asyncio.wait_for(story(), 10))

    test.__name__ = story.__name__
    return test


async def settled() -> None:
    """Let everything happen that needs no more news."""
    for _ in range(20):
        await asyncio.sleep(0)


@in_a_loop
async def test_more_than_the_lane_holds_wait_and_are_answered_in_turn() -> None:
    app = App()
    lane = Lane(app, active_most=2, waiting_most=10)
    clients = [Client(lane, f"{SEAT}?{number}") for number in range(5)]
    await settled()
    assert len(app.begun) == 2
    app.may_answer.set()
    await asyncio.gather(*(client.task for client in clients))
    assert [client.status for client in clients] == [200] * 5
    assert app.bodies == [f"{SEAT}?{number}".encode() for number in range(5)]


@in_a_loop
async def test_an_operator_is_served_however_many_participants_wait() -> None:
    app = App()
    lane = Lane(app, active_most=1, waiting_most=1)
    _ = [Client(lane, SEAT) for _ in range(3)]
    await settled()
    operator = Client(lane, OPERATORS)
    await settled()
    assert app.begun == [SEAT, OPERATORS]
    app.may_answer.set()
    await operator.task
    assert operator.status == 200


@in_a_loop
async def test_browsers_and_webhooks_take_turns_and_do_not_fill_each_others_row() -> None:
    app = App()
    lane = Lane(app, active_most=1, waiting_most=7)
    clients = [Client(lane, SEAT) for _ in range(8)] + [Client(lane, WEBHOOK) for _ in range(3)]
    await settled()
    app.may_answer.set()
    await asyncio.gather(*(client.task for client in clients))
    assert [client.status for client in clients] == [200] * 11
    assert app.begun == [SEAT, *[SEAT] * 3, WEBHOOK, *[SEAT] * 3, WEBHOOK, SEAT, WEBHOOK]


@in_a_loop
async def test_beyond_its_end_a_request_is_told_at_once_to_come_again() -> None:
    app = App()
    lane = Lane(app, active_most=1, waiting_most=1)
    first, second, third = (Client(lane, SEAT) for _ in range(3))
    await third.task
    assert third.status == 503
    headers = dict(third.answers[0]["headers"])
    assert 1 <= int(headers[b"retry-after"]) <= 5
    app.may_answer.set()
    await asyncio.gather(first.task, second.task)
    again = Client(lane, SEAT)
    await again.task
    assert (first.status, second.status, again.status) == (200, 200, 200)


@in_a_loop
async def test_a_request_that_nobody_waits_for_any_more_is_not_worked_on() -> None:
    app = App()
    lane = Lane(app, active_most=1, waiting_most=10)
    first, gone, last = (Client(lane, f"{SEAT}?{name}") for name in ("first", "gone", "last"))
    await settled()
    gone.disconnect()
    await gone.task
    app.may_answer.set()
    await asyncio.gather(first.task, last.task)
    assert app.begun == [f"{SEAT}?first", f"{SEAT}?last"]


@in_a_loop
async def test_a_client_whose_body_does_not_come_keeps_nobody_waiting() -> None:
    app = App()
    app.may_answer.set()
    lane = Lane(app, active_most=1, waiting_most=1)
    slow = [Client(lane, SEAT, is_slow=True) for _ in range(3)]
    await settled()
    other = Client(lane, SEAT)
    await other.task
    for one in slow:
        one.send_rest()
        await one.task
    assert [one.status for one in (other, *slow)] == [200] * 4


@in_a_loop
async def test_an_open_stream_keeps_nobody_waiting() -> None:
    ends = asyncio.Event()

    async def stream(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await ends.wait()

    lane = Lane(stream, active_most=1, waiting_most=0)
    streams = [Client(lane, "/v1/seat/events") for _ in range(3)]
    await settled()
    assert [one.status for one in streams] == [200] * 3
    ends.set()
    await asyncio.gather(*(one.task for one in streams))


@in_a_loop
async def test_a_long_body_that_never_ends_keeps_its_turn_for_a_while_only() -> None:
    app = App()
    app.may_answer.set()
    lane = Lane(app, active_most=1, waiting_most=1, turn_seconds=0.01)
    endless = Client(lane, f"{SEAT}?{'x' * (BUFFERED_BYTES_MOST + 1)}", is_slow=True)
    await settled()
    other = Client(lane, SEAT)
    await other.task
    assert (endless.status, other.status) == (None, 200)
    endless.send_rest()
    await endless.task


@in_a_loop
async def test_long_bodies_that_never_end_are_few_and_leave_turns_to_others() -> None:
    app = App()
    lane = Lane(app, active_most=3, waiting_most=0, long_most=2)
    endless = [Client(lane, f"{WEBHOOK}?{'x' * (BUFFERED_BYTES_MOST + 1)}", is_slow=True) for _ in range(3)]
    await settled()
    assert [one.status for one in endless] == [None, None, 503]
    app.may_answer.set()
    other = Client(lane, SEAT)
    await other.task
    for one in endless[:2]:
        one.send_rest()
        await one.task
    again = Client(lane, f"{WEBHOOK}?{'x' * (BUFFERED_BYTES_MOST + 1)}")
    await again.task
    assert [one.status for one in (other, *endless[:2], again)] == [200] * 4


@in_a_loop
async def test_a_request_that_fails_gives_its_turn_on() -> None:
    async def fail(*_: Any) -> None:
        raise LookupError("of no matter")

    lane = Lane(fail, active_most=1, waiting_most=0)
    for _ in range(2):
        with pytest.raises(LookupError):
            await Client(lane, SEAT).task


@in_a_loop
async def test_requests_that_are_given_up_leave_nothing_behind_and_pass_their_turns_on() -> None:
    app, before = App(), asyncio.all_tasks()
    lane = Lane(app, active_most=1, waiting_most=10)
    first, waiting, chosen, last = (Client(lane, f"{SEAT}?{name}") for name in ("first", "waiting", "chosen", "last"))
    await settled()
    waiting.task.cancel()
    first.when_answered = chosen.task.cancel  # its turn has come by then, and it has not noticed
    app.may_answer.set()
    await asyncio.gather(first.task, last.task)
    assert app.begun == [f"{SEAT}?first", f"{SEAT}?last"]
    last.disconnect()
    await settled()
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("turn_first", [True, False])
def test_a_client_that_leaves_as_its_turn_comes_costs_nobody_a_turn(turn_first: bool) -> None:
    @in_a_loop
    async def story() -> None:
        app = App()
        lane = Lane(app, active_most=1, waiting_most=10)
        first, gone, last = (Client(lane, f"{SEAT}?{name}") for name in ("first", "gone", "last"))
        await settled()
        if turn_first:
            first.when_answered = gone.disconnect
        else:
            gone.disconnect()
            await asyncio.sleep(0)  # its end is read, and told in the same round in which the turn comes
        app.may_answer.set()
        await asyncio.gather(first.task, gone.task, last.task)
        assert (first.status, last.status) == (200, 200)
        assert (f"{SEAT}?gone" in app.begun) is turn_first

    story()


@in_a_loop
async def test_after_its_turn_a_request_reads_its_body_and_then_the_end() -> None:
    app, read = App(), list[str]()

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == SEAT:
            await app(scope, receive, send)
        else:
            read.extend([(await receive())["type"] for _ in range(2)])

    lane = Lane(either, active_most=1, waiting_most=10)
    first, second = Client(lane, SEAT), Client(lane, WEBHOOK)
    await settled()
    app.may_answer.set()
    await first.task
    await settled()
    assert not second.task.done(), "it waits for the end"
    second.disconnect()
    await second.task
    assert read == ["http.request", "http.disconnect"]
