"""The official SDK, set up without its traps and without some of its costs.

Traps of cloudflare 5.9.0, and what we do about them:
- it repeats POSTs that timed out (`max_retries` is 2 by default): retries are off;
- it sends today's date as `api-version`: the version is pinned;
- CLOUDFLARE_EMAIL and CLOUDFLARE_API_KEY in the environment replace the token that it was given: both are removed;
- with CLOUDFLARE_LOG=debug it logs request bodies, which name people: its loggers stay at WARNING.
"""

import logging
from functools import lru_cache
from urllib.parse import urlsplit

import httpx
from cloudflare import AsyncCloudflare, DefaultAioHttpClient

from orchestrator.settings import Settings

API_VERSION = "2026-10-02"
"""The day of the SDK's release; with its default, today's date, answers could change overnight."""
CONNECT_TIMEOUT_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 4.0
"""Less than the 5 s after which uvicorn drops an idle connection, because a POST sent at that moment gets no answer."""
MAX_CACHED_URLS = 1024


class _NoCookies(httpx.Cookies):
    """No cookies: our calls need none, and looking for them in each answer was a tenth of a call's CPU (measured)."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Skip the search."""


class _Http(DefaultAioHttpClient):
    """The SDK's client on aiohttp, which takes a tenth of the CPU of httpx's own transport (measured)."""

    _none = _NoCookies()

    @property
    def cookies(self) -> httpx.Cookies:
        """Always empty."""
        return self._none

    @cookies.setter
    def cookies(self, cookies: object) -> None:
        """Ignore them."""


class Sdk(AsyncCloudflare):
    """The SDK with a cache of parsed URLs, because parsing them was a fifth of a call's CPU (measured)."""

    def __init__(self, settings: Settings) -> None:
        timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT_SECONDS)  # the deadline of the whole call is our own
        limits = httpx.Limits(max_connections=settings.realtimekit_concurrency, keepalive_expiry=KEEP_ALIVE_SECONDS)
        http = _Http(
            limits=limits,
            timeout=timeout,
            follow_redirects=False,  # a redirected POST would be sent twice
            trust_env=not on_this_machine(settings.realtimekit_base_url),  # a proxy can't reach the sandbox
        )
        super().__init__(
            api_token=settings.realtimekit_api_token.get_secret_value(),
            base_url=settings.realtimekit_base_url,
            api_version=API_VERSION,
            max_retries=0,
            timeout=timeout,
            http_client=http,
        )
        self.api_email = self.api_key = self.user_service_key = None
        self._cached_url = lru_cache(MAX_CACHED_URLS)(super()._prepare_url)

    def _prepare_url(self, url: str) -> httpx.URL:
        return self._cached_url(url)


def connect(settings: Settings) -> Sdk:
    """Build the SDK for one event loop; its connections open at the first call."""
    for chatty in ("cloudflare", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return Sdk(settings)


def on_this_machine(url: str) -> bool:
    """Whether `url` points to this machine, where a proxy is of no use."""
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
