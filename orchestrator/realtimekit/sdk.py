"""The official SDK, which knows paths, queries and bodies; its requests go out by aiohttp at once.

Traps of cloudflare 5.9.0, and what we do about them:
- it repeats POSTs that timed out, and follows redirects of them: nothing is repeated or followed here;
- it sends today's date as `api-version`: the version is pinned;
- CLOUDFLARE_EMAIL and CLOUDFLARE_API_KEY in the environment replace the token that it was given: both are removed;
- with CLOUDFLARE_LOG=debug it logs request bodies, which name people: its loggers stay at WARNING;
- between its methods and aiohttp it takes three times the CPU of aiohttp (measured): our `request` is in its place.
"""

import json
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from cloudflare import AsyncCloudflare
from cloudflare.resources.realtime_kit import AsyncRealtimeKitResource
from yarl import URL

from orchestrator.realtimekit import guard
from orchestrator.settings import Settings

API_VERSION = "2026-10-02"
"""The day of the SDK's release; with its default, today's date, answers could change overnight."""
CONNECT_TIMEOUT_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 4.0
"""Shorter than servers and proxies usually keep an idle connection (5 s at the least).

A POST that is sent into a connection just when the server closes it gets no answer.
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came in. We read the body ourselves, because the SDK validates nothing."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)


Request = Callable[[AsyncRealtimeKitResource], Awaitable[object]]
"""Calls one method of the SDK, which gives an Answer here, whatever its types say."""


class GuardedRequest(aiohttp.ClientRequest):
    """A request that is held back even when it has its connection.

    To connect may take long, above all for a process that stands still meanwhile. By then others may have made the
    call in its place.
    """

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        """Send it. Raises what holds the call back."""
        guard.check()
        return await super().send(conn)


class Sdk(AsyncCloudflare):
    """The SDK's methods over a session of aiohttp. It is made on the event loop that it works on."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            api_token=settings.realtimekit_api_token.get_secret_value(),
            base_url=settings.realtimekit_base_url,
            api_version=API_VERSION,
            http_client=httpx.AsyncClient(verify=_trust()),  # never used; its own would load all certificates again
        )
        self.api_email = self.api_key = self.user_service_key = None
        self._root = settings.realtimekit_base_url.rstrip("/")
        self._proxy = proxy_for(self._root)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=settings.realtimekit_concurrency,
                keepalive_timeout=KEEP_ALIVE_SECONDS,
                ssl=_trust(),
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=GuardedRequest,
            headers={**self.auth_headers, "Accept": "application/json", "api-version": API_VERSION},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_SECONDS),  # calls have a deadline
        )

    async def send(self, request: Request) -> Answer:
        """Send one request. Raises aiohttp.ClientError."""
        answer = await request(self.realtime_kit)
        assert isinstance(answer, Answer)
        return answer

    async def request(self, _cast_to: Any, options: Any, **_streaming: Any) -> Any:  # type: ignore[override]
        """Send what a method of the SDK has put together, and return an Answer, whatever it promises."""
        query = f"?{self.qs.stringify(options.params)}" if options.params else ""
        body = None if options.json_data is None else json.dumps(options.json_data).encode()
        async with self._session.request(
            options.method,
            URL(f"{self._root}{options.url}{query}", encoded=True),
            data=body,
            headers=None if body is None else {"Content-Type": "application/json"},
            proxy=self._proxy,
            allow_redirects=False,  # a redirected POST would be sent twice
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()
        await super().close()


def connect(settings: Settings) -> Sdk:
    """Build the SDK for the running event loop; its connections open at the first call."""
    for chatty in ("cloudflare", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return Sdk(settings)


@cache
def _trust() -> ssl.SSLContext:
    """Return which certificates to trust. Loading them takes 20 ms of CPU, so a process does so once."""
    return httpx.create_ssl_context()


def on_this_machine(url: str) -> bool:
    """Whether `url` points to this machine, where a proxy is of no use."""
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for `url`."""
    parts, proxies = urlsplit(url), getproxies()
    if on_this_machine(url) or proxy_bypass(parts.hostname or ""):
        return None
    return proxies.get(parts.scheme) or proxies.get("all")
