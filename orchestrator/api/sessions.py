"""The cookie of the host's console: whom it stands for, and from where it may come.

A browser sends a cookie along whoever made the request, so a request that rests on it must come from our own page:
its `Origin` is ours, its `Sec-Fetch-Site` says the same, and a change has at least one of the two.
"""

from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.types import Scope

from orchestrator.errors import Forbidden, NotNow, Unauthenticated
from orchestrator.services.access import console_sessions
from orchestrator.settings import Settings
from orchestrator.store.database import Database
from orchestrator.store.trouble import DATABASE_TROUBLE
from schemas.problems import ProblemCode

COOKIE = "breakouts_console"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITES = frozenset({"same-origin", "none"})
DEFAULT_PORTS = {"http": 80, "https": 443}


class ConsoleSessions:
    """Looks up the sessions of requests."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._public_url = settings.public_url

    async def key_of(self, scope: Scope) -> str | None:
        """Return the hash of the key that a request's cookie counts as, or None for a request that rests on no cookie.

        Raises Unauthenticated for a session that has ended, Forbidden for a request of another page.
        """
        session_id = None if _header(scope, b"authorization") is not None else cookie_of(scope)
        if session_id is None:
            return None
        hashed = await run_in_threadpool(console_sessions.key_of, self._database, session_id)
        if hashed is None:
            raise Unauthenticated("the console's session has ended: sign in again")
        self.require_own_page(scope)
        return hashed

    async def is_living(self, session_id: bytes) -> bool:
        """Return whether a session goes on. Raises NotNow without the database."""
        try:
            return await run_in_threadpool(console_sessions.key_of, self._database, session_id) is not None
        except DATABASE_TROUBLE:
            raise NotNow("the database is not available", 1.0, ProblemCode.DATABASE_UNAVAILABLE) from None

    def require_own_page(self, scope: Scope) -> None:
        """Raise Forbidden unless the request comes from a page of ours."""
        origin, site = _header(scope, b"origin"), _header(scope, b"sec-fetch-site")
        is_nameless = origin is None and site is None and scope["method"] not in SAFE_METHODS
        is_strange = (origin is not None and not self._is_own(origin, scope)) or (site or "none") not in OWN_SITES
        if is_nameless or is_strange:
            where = f", at {self._public_url}" if self._public_url else ""
            words = f"the console's session is good for the console's own pages{where}"
            raise Forbidden(words, ProblemCode.CROSS_ORIGIN)

    def _is_own(self, origin: str, scope: Scope) -> bool:
        if self._public_url:
            return _place(origin) == _place(self._public_url)
        # Which of the two schemes the browser used is not known behind a proxy that does TLS.
        return any(_place(origin) == _place(f"{scheme}://{_header(scope, b'host')}") for scheme in DEFAULT_PORTS)


def cookie_of(scope: Scope) -> bytes | None:
    """Return the id of the session in a request's cookie, or None."""
    for name, value in scope["headers"]:
        if name == b"cookie" and COOKIE.encode() in value:
            try:
                found = SimpleCookie(value.decode("latin-1")).get(COOKIE)
            except CookieError:
                return None
            return None if found is None else found.value.encode("latin-1")
    return None


def is_secure(scope: Scope, settings: Settings) -> bool:
    """Return whether the browser is to send the cookie by TLS alone."""
    return settings.public_url.startswith("https:") or scope.get("scheme") == "https"


def _header(scope: Scope, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


def _place(url: str) -> tuple[str, str | None, int | None] | None:
    """Return scheme, host and port of an origin; None for what is none (`null`)."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None
