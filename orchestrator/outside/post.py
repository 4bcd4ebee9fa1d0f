"""Calls to callers' systems: on a loop of their own, so that one that does not answer keeps no thread."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Protocol, TypeVar

import aiohttp

from orchestrator.errors import NotNow
from orchestrator.outside.targets import CheckedResolver, Lookup, Refused, SystemLookup, Target, parse
from orchestrator.version import VERSION

T = TypeVar("T")

ANSWER_SECONDS = 10.0
"""No answer within it counts as none."""
LOOKUP_SECONDS = 5.0
"""How long a request waits for the look-up of a name."""
CHECKS_MOST = 20
"""Requests that wait for a look-up at the same time: half of those that an API process works on for operators."""
KEPT_BYTES = 16_384
"""Of an answer's body no more is read; a larger one ends the connection."""
STORES = 4
"""Threads that record what came of deliveries."""
USER_AGENT = f"breakouts/{VERSION}"


class Loop(Protocol):
    """Runs coroutines for callers that are none."""

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start `coroutine`."""

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for the result of `coroutine`."""

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancel the running coroutines, and run `last`."""


class Post:
    """Calls endpoints. Threads and connections are made at the first need."""

    def __init__(self, loop: Loop, *, private: bool, lookup: Lookup | None = None) -> None:
        self._loop = loop
        self._resolver = CheckedResolver(lookup or SystemLookup(), private=private)
        self._stores = ThreadPoolExecutor(STORES, "deliveries")
        self._started: set[Future[None]] = set()
        self._checks = threading.BoundedSemaphore(CHECKS_MOST)

    def check(self, url: str) -> None:
        """Raise Target for a URL whose name does not resolve, or that leads to where no webhook goes.

        Raises NotNow while too many others wait for a name server.
        """
        target = parse(url)
        try:
            with self._one_check():
                self._loop.run(self._look_up(target.raw_host or "", target.port or 0))
        except Refused as error:
            raise Target(str(error)) from None
        except (OSError, TimeoutError):
            raise Target(f"there is no {target.raw_host}: the name does not resolve") from None

    @contextmanager
    def _one_check(self) -> Iterator[None]:
        if not self._checks.acquire(blocking=False):
            raise NotNow("too many names of webhook endpoints are being looked up")
        try:
            yield
        finally:
            self._checks.release()

    async def _look_up(self, host: str, port: int) -> None:
        async with asyncio.timeout(LOOKUP_SECONDS):
            await self._resolver.addresses(host, port)

    def start(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        """Start `work` on the loop, and return at once."""
        started = self._loop.submit(work)
        self._started.add(started)
        started.add_done_callback(self._started.discard)
        return started

    async def aside(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do blocking `work` in a thread, for a coroutine of the loop."""
        return await asyncio.get_running_loop().run_in_executor(self._stores, work, *arguments)

    @asynccontextmanager
    async def connections(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Open connections that are kept for a while. Each is made to an address that was just checked."""
        connector = aiohttp.TCPConnector(resolver=self._resolver, use_dns_cache=False, limit=0)
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            auto_decompress=False,
        ) as session:
            yield session

    async def call(
        self, session: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str]
    ) -> int | None:
        """POST `body`, and return the status of the answer; None without an answer.

        Raises Refused when the target may not be called. A redirect is an answer like any other.
        """
        try:
            target = parse(url)
            if _skips_resolver(target.raw_host or ""):
                await self._look_up(target.raw_host or "", target.port or 0)
            sent = {"Content-Type": "application/json", "User-Agent": USER_AGENT, **headers}
            async with session.post(target, data=body, headers=sent, allow_redirects=False) as answer:
                with suppress(aiohttp.ClientError, TimeoutError, OSError):
                    await _finish(answer)
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None

    def stop(self, seconds: float) -> None:
        """Wait so long for what was started."""
        wait(list(self._started), seconds)

    def close(self) -> None:
        """End all calls."""
        self._loop.close(_nothing)
        self._stores.shutdown(wait=False, cancel_futures=True)


def _skips_resolver(host: str) -> bool:
    """Whether aiohttp takes a host for an address, and asks no resolver; also decimal and octal ones."""
    return ":" in host or host.replace(".", "").isdigit()


async def _finish(answer: aiohttp.ClientResponse) -> None:
    """Read a short body, so that the connection can be used again. End the connection of any other."""
    if answer.content_length is None or answer.content_length > KEPT_BYTES:
        answer.close()
    else:
        await answer.read()


async def _nothing() -> None:
    """Do nothing."""
