"""The one path of every call to RealtimeKit: a free slot, the quota, a deadline, the official SDK, our errors."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

import aiohttp

from orchestrator.errors import NotFound, OutcomeUnknown, OutOfQuota, RealtimeKitError, Refused, TryAgain
from orchestrator.log import logger
from orchestrator.realtimekit import answers
from orchestrator.realtimekit.answers import Body
from orchestrator.realtimekit.guard import check
from orchestrator.realtimekit.quota.budget import QuotaRequest
from orchestrator.realtimekit.quota.gate import Decision
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.sdk import Answer, Request, connect
from orchestrator.runtime.clock import elapsed
from orchestrator.settings import Settings

log = logger(__name__)

CONNECT_ERRORS = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
)
"""No connection, so nothing was sent: refused, unknown host, TLS, no free connection in time."""
NEXT_SHARE = 0.25
"""How many more calls than are in flight have the quota's answer, as a part of the slots. They wait for the next slots.

Else each slot would stay empty while Redis is asked, a tenth of an opening's time (measured).
"""


OnCall = Callable[[str, str, float], None]
"""Called after each call with its operation, its outcome and the seconds it took."""


class Gate(Protocol):
    """Decides when calls go out (quota/gate.py)."""

    async def take(self, request: QuotaRequest) -> Decision:
        """Ask for the right to make one call. Raises OutOfQuota."""

    async def opened(self) -> None:
        """Wait while a 429 keeps all calls back, the granted ones too. Raises OutOfQuota."""

    def answered(self, call_id: str) -> None:
        """Note that a granted call is over."""

    async def block(self, seconds: float) -> None:
        """Let no call out for so long, after a 429."""

    async def used(self) -> int:
        """Return how many calls count in the window now."""

    async def close(self) -> None:
        """Close what it has opened."""


class Connected(Protocol):
    """What sends the requests: the SDK, or what stands in for it."""

    async def send(self, request: Request) -> Answer:
        """Send one request. Raises aiohttp.ClientError."""

    async def close(self) -> None:
        """Close the connections."""


Connect = Callable[[Settings], Connected]
"""Opens the connections at the first call."""


class Calls:
    """Sends requests. An object lives on one event loop, and opens its connections at the first call."""

    def __init__(
        self, settings: Settings, quota: Gate, on_call: OnCall | None = None, connect: Connect = connect
    ) -> None:
        self._settings = settings
        self._quota = quota
        self._on_call = on_call
        self._connect = connect
        most = settings.realtimekit_concurrency
        self._slots = asyncio.Semaphore(most)
        self._called_up = asyncio.Semaphore(most + round(most * NEXT_SHARE))
        self._sdk: Connected | None = None
        self.answered_at = float("-inf")
        """When the latest answer came that was a success or a 404, in seconds by elapsed()."""

    async def __call__(self, operation: str, priority: Priority, request: Request, *subject: object) -> Body:
        """Send `request` once and return the body of its answer; raises a RealtimeKitError, or what holds it back.

        `subject` tells this call from others of the same operation in the queue of the quota.
        """
        wanted = QuotaRequest.of(operation, priority, *subject)
        while True:
            async with self._called_up:
                check()  # a call that must not go out takes nothing of the quota
                decision = await self._quota.take(wanted)
                if decision.granted:
                    try:
                        async with self._slots:
                            await self._quota.opened()  # a 429 may have come since the grant
                            check()
                            return await self._send_and_count(operation, request)
                    finally:
                        self._quota.answered(decision.call_id)
            await asyncio.sleep(decision.wait_seconds)  # not called up, because a more urgent call may be

    async def _send_and_count(self, operation: str, request: Request) -> Body:
        begun = elapsed()
        try:
            answer = await self._send(request)
        except RealtimeKitError as error:
            self._count(operation, outcome_of(error), begun)
            _log_failure(operation, error)
            if isinstance(error, NotFound):
                self.answered_at = elapsed()
            if isinstance(error, OutOfQuota):
                await self._quota.block(error.retry_after)
            raise
        self._count(operation, "ok", begun)
        self.answered_at = elapsed()
        return answer

    async def close(self) -> None:
        """Close the connections."""
        if self._sdk is not None:
            await self._sdk.close()
            self._sdk = None

    async def _send(self, request: Request) -> Body:
        self._sdk = self._sdk or self._connect(self._settings)
        try:
            async with asyncio.timeout(self._settings.realtimekit_timeout_seconds):
                answer = await self._sdk.send(request)
        except aiohttp.ClientError as error:
            raise _connection_error(error) from error
        except TimeoutError:
            seconds = self._settings.realtimekit_timeout_seconds
            raise OutcomeUnknown(f"no answer within {seconds:g} s") from None
        return answers.read(answer.status, answer.headers, answer.content)

    def _count(self, operation: str, outcome: str, begun: float) -> None:
        if self._on_call is not None:
            self._on_call(operation, outcome, elapsed() - begun)


def _connection_error(error: aiohttp.ClientError) -> TryAgain | OutcomeUnknown:
    """Say whether anything was sent."""
    if isinstance(error, CONNECT_ERRORS):
        return TryAgain(f"RealtimeKit can't be reached: {error}")
    return OutcomeUnknown(f"connection lost: {type(error).__name__} {error}".rstrip())


def _log_failure(operation: str, error: RealtimeKitError) -> None:
    """Log a call that failed; RealtimeKit's words only for debugging, because they may quote names of people."""
    outcome = outcome_of(error)
    level = logging.DEBUG if isinstance(error, NotFound | OutOfQuota) else logging.WARNING
    log.log(level, "a call to RealtimeKit failed", operation=operation, outcome=outcome, status=error.status)
    log.debug("RealtimeKit's words", operation=operation, words=error.message)


def outcome_of(error: RealtimeKitError) -> str:
    """Return the outcome under which metrics count `error`."""
    if isinstance(error, OutOfQuota):
        return "out_of_quota"
    if isinstance(error, TryAgain):
        return "not_sent"
    if isinstance(error, NotFound):
        return "not_found"  # often a plain answer: nobody is there
    return "refused" if isinstance(error, Refused) else "unknown"
