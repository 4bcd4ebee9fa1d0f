"""Where a URL leads. What is resolved is checked, and what was checked is called: no second look-up lies between."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from ipaddress import ip_address
from weakref import WeakValueDictionary

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from orchestrator.domain.addresses import may_call

LOOKUPS = 64
"""How many names are looked up at the same time. A name server that does not answer keeps a thread for long."""
LOOKUPS_OF_SITE = 4
"""How many of these are of one site, so that a name server of one caller does not keep the others' names waiting."""
SITE_LABELS = 2
"""How many labels at the end of a name tell sites apart. Some share two, like `co.uk`, and wait for each other."""

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""Returns the addresses of a host. Raises OSError when it has none."""
Ask = Callable[[str, int], list[str]]
"""The same in a thread. It may take long, whoever waits for it."""


class Target(ValueError):
    """A URL that can't be called; the message says why."""


class Refused(Exception):
    """The target is an address that we do not call."""


def parse(url: str) -> URL:
    """Parse the URL of an endpoint. Raises Target."""
    if not url.isprintable() or any(character.isspace() for character in url):
        raise Target("must hold no blanks and no characters that can't be seen")
    try:
        parsed = URL(url)
        host, port = parsed.raw_host, parsed.port
    except ValueError as error:
        raise Target(f"is no URL: {error}") from None
    if parsed.scheme not in ("http", "https"):
        raise Target("must begin with http:// or https://")
    if not host or not port:
        raise Target("names no server")
    if "@" in url.partition("//")[2].partition("/")[0]:  # also an empty name, which URL leaves out
        raise Target("must hold no user name and no password")
    return parsed


def ask_system(host: str, port: int) -> list[str]:
    """Return the addresses of a host, also of one in decimal, octal or hex. Raises OSError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(str(error)) from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class SystemLookup:
    """Asks the system, in threads of its own. It serves one event loop."""

    def __init__(self, ask: Ask = ask_system) -> None:
        self._ask = ask
        self._threads = ThreadPoolExecutor(LOOKUPS, "lookup")
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def __call__(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host. Raises OSError.

        A look-up that nobody waits for any more keeps its thread, and so its turn, until it ends.
        """
        turns = self._turns_of(host)
        await turns.acquire()
        loop, running = asyncio.get_running_loop(), self._threads.submit(self._ask, host, port)

        def end_turn(_: object) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(turns.release)

        running.add_done_callback(end_turn)
        return await asyncio.wrap_future(running)

    def _turns_of(self, host: str) -> asyncio.Semaphore:
        site = ".".join(host.lower().rstrip(".").split(".")[-SITE_LABELS:])
        turns = self._turns.get(site)
        if turns is None:
            turns = self._turns[site] = asyncio.Semaphore(LOOKUPS_OF_SITE)
        return turns


class CheckedResolver(AbstractResolver):
    """Resolves names for aiohttp, and gives it only addresses that may be called."""

    def __init__(self, lookup: Lookup, *, private: bool) -> None:
        self._lookup = lookup
        self._private = private

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host. Raises Refused if one of them may not be called, OSError without any."""
        found = [host] if _is_address(host) else await self._lookup(host, port)
        if not found:
            raise OSError(f"{host} has no address")
        for address in found:
            if not may_call(address, private=self._private):
                raise Refused(f"{host} is {address}, which is no address that webhooks go to")
        return found

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - fixed by aiohttp
    ) -> list[ResolveResult]:
        """Return the checked addresses as aiohttp takes them."""
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in await self.addresses(host, port)
        ]

    async def close(self) -> None:
        """Do nothing, because the threads are the process's."""


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
