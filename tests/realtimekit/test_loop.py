"""The loop thread of the client: calls from other threads and loops, and closing while calls are in flight."""

import asyncio
import threading
from contextlib import suppress

import pytest

from orchestrator.errors import OutcomeUnknown
from orchestrator.realtimekit.client import RealtimeKit
from tests.realtimekit.conftest import Connect
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import wait_until


def test_run_from_the_loops_own_thread_is_an_error_and_not_a_deadlock(kit: RealtimeKit) -> None:
    async def nested() -> None:
        kit.run(kit.preset_names())

    with pytest.raises(RuntimeError, match="await the coroutine"):
        kit.run(nested())


def test_another_event_loop_can_await_a_call(kit: RealtimeKit) -> None:
    async def elsewhere() -> set[str]:
        return await asyncio.wrap_future(kit.submit(kit.preset_names()))

    assert "group_call_participant" in asyncio.run(elsewhere())


def test_closing_leaves_the_outcome_of_calls_in_flight_unknown(sandbox: SandboxServer, connect: Connect) -> None:
    kit = connect(sandbox.base_url, realtimekit_timeout_seconds=30)
    sandbox.latency(20_000)
    outcome: list[BaseException] = []

    def caller() -> None:
        try:
            kit.run(kit.create_meeting("Room 1"))
        except OutcomeUnknown as error:
            outcome.append(error)

    thread = threading.Thread(target=caller)
    thread.start()
    wait_until(lambda: sandbox.calls()["in_flight"])
    kit.close()
    thread.join(5)
    assert [str(error) for error in outcome] == ["shut down during the call"]
    with pytest.raises(RuntimeError, match="closed"):
        kit.run(kit.preset_names())


def test_closing_does_not_wait_for_a_task_that_swallowed_its_cancellation(
    connect: Connect, sandbox: SandboxServer
) -> None:
    """The Redis client may do so: it can turn a cancellation into a timeout of its own."""
    kit = connect(sandbox.base_url)
    asleep = threading.Event()

    async def sleeper() -> None:
        asleep.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
        await asyncio.sleep(3600)

    kit.submit(sleeper())
    assert asleep.wait(10)
    closing = threading.Thread(target=kit.close, daemon=True)
    closing.start()
    closing.join(10)
    assert not closing.is_alive()
