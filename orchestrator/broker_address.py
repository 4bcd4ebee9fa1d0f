"""BROKER_URL: one address of a Redis or Valkey, with one meaning for redis-py, for Celery and for Flower.

redis-py and kombu read addresses differently: kombu ignores options, knows other names of them, and checks no
certificate unless told to. So we read the address ourselves, and write for each the one that it understands.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

POSSIBLE = (
    "use redis://user:password@host:6379/0, rediss://… for TLS, or unix://user:password@/path/of/a.sock?db=0,"
    " and write %XX for a special character"
)
TCP = {"redis": False, "valkey": False, "rediss": True, "valkeys": True}
"""The schemes of a server that is reached over TCP, and whether over TLS."""
SOCKETS = frozenset({"unix", "redis+socket", "socket"})
SEVERAL = "sentinel", "cluster"
DEFAULT_PORT = 6379


def _boolean(text: str) -> bool:
    return {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}[
        text.lower()
    ]


def _check(text: str) -> str:
    """Return how certificates are checked, in redis-py's spelling, from that or from Celery's (`CERT_REQUIRED`)."""
    return {"required": "required", "optional": "optional", "none": "none"}[text.lower().removeprefix("cert_")]


OPTIONS: Mapping[str, Callable[[str], Any]] = {
    "socket_timeout": float,
    "socket_connect_timeout": float,
    "socket_keepalive": _boolean,
    "retry_on_timeout": _boolean,
    "health_check_interval": int,
    "max_connections": int,
    "client_name": str,
}
TLS_OPTIONS: Mapping[str, Callable[[str], Any]] = {
    "ssl_cert_reqs": _check,
    "ssl_check_hostname": _boolean,
    "ssl_ca_certs": str,
    "ssl_ca_path": str,
    "ssl_certfile": str,
    "ssl_keyfile": str,
    "ssl_password": str,
}
DATABASES = ("db", "virtual_host")
CREDENTIALS = ("username", "password")


@dataclass(frozen=True)
class BrokerAddress:
    """Where the broker is, who we are there, and what the address says about how to connect."""

    host: str = ""
    port: int = 0
    socket: str = ""
    """The path of a unix socket; empty over TCP."""
    tls: bool = False
    database: int = 0
    username: str = ""
    password: str = field(default="", repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    tls_options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def where(self) -> str:
        """The place, without a password."""
        return self.socket or f"{_bracketed(self.host)}:{self.port}"

    @property
    def for_redis_py(self) -> str:
        """The address for `from_url` of redis-py, where it wins over arguments beside it."""
        said = {name: str(value) for name, value in {**self.options, **self.tls_options}.items()}
        if self.socket:
            return f"unix://{self._user}{quote(self.socket)}?{urlencode({'db': self.database, **said})}"
        return f"{self._tcp}{'?' if said else ''}{urlencode(said)}"

    def for_celery(self, transport_options: Mapping[str, Any]) -> dict[str, Any]:
        """Return Celery's settings; the options count where the address says nothing."""
        url = f"redis+socket://{self._user}{quote(self.socket)}?virtual_host={self.database}"
        tls = {"broker_use_ssl": {"ssl_cert_reqs": "required", **self.tls_options}} if self.tls else {}
        return {
            "broker_url": url if self.socket else self._tcp,
            "broker_transport_options": {**transport_options, **self.options},
            **tls,
        }

    @property
    def _tcp(self) -> str:
        return f"{'rediss' if self.tls else 'redis'}://{self._user}{self.where}/{self.database}"

    @property
    def _user(self) -> str:
        password = f":{quote(self.password, safe='')}" if self.password else ""
        return f"{quote(self.username, safe='')}{password}@" if self.username or self.password else ""


def parsed(url: str) -> BrokerAddress:
    """Read an address. Raises ValueError with a sentence, without any secret, for one that can't be used."""
    scheme = url.partition("://")[0].lower()
    if any(word in scheme for word in SEVERAL) or ";" in url or "," in url.rpartition("@")[2].partition("?")[0]:
        raise ValueError(f"names several servers, but Sentinel and clusters are not supported: {POSSIBLE}")
    if scheme not in {*TCP, *SOCKETS} or "://" not in url:
        raise ValueError(f"is no address of a Redis or Valkey: {POSSIBLE}")
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORT
    except ValueError:
        raise ValueError(f"has a host or port that can't be read: {POSSIBLE}") from None
    if parts.fragment:
        raise ValueError(f"has a #, which begins nothing in such an address: {POSSIBLE}")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    tls = TCP.get(scheme, False)
    options, tls_options = _options(query, tls, is_socket=scheme in SOCKETS)
    user: dict[str, Any] = {name: query.get(name, "") or unquote(getattr(parts, name) or "") for name in CREDENTIALS}
    if scheme in SOCKETS:
        place: dict[str, Any] = {"socket": _socket(parts)}
    else:
        place = {"host": unquote(parts.hostname or "localhost"), "port": port}
    in_path = "" if scheme in SOCKETS else unquote(parts.path).strip("/")
    return BrokerAddress(
        **place, **user, tls=tls, database=_database(in_path, query), options=options, tls_options=tls_options
    )


def _options(query: Mapping[str, str], tls: bool, *, is_socket: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    known = {**OPTIONS, **(TLS_OPTIONS if tls else {})}
    if is_socket:
        del known["socket_keepalive"]
    given = {name: text for name, text in query.items() if name not in (*DATABASES, *CREDENTIALS)}
    if not tls and any(name in TLS_OPTIONS for name in given):
        raise ValueError("has options of TLS, which only rediss:// uses")
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(f"has the unknown option {', '.join(unknown)}; there are {', '.join([*DATABASES, *known])}")
    read = {name: _value(name, text, known[name]) for name, text in given.items()}
    return (
        {name: value for name, value in read.items() if name in OPTIONS},
        {name: value for name, value in read.items() if name in TLS_OPTIONS},
    )


def _value(name: str, text: str, reader: Callable[[str], Any]) -> Any:
    try:
        return reader(text)
    except (KeyError, ValueError):
        raise ValueError(f"has an option {name} whose value can't be read") from None


def _database(in_path: str, query: Mapping[str, str]) -> int:
    said = {text.strip("/") for text in (in_path, *(query.get(name, "") for name in DATABASES))} - {""}
    if len(said) > 1 or not all(text.isdecimal() for text in said):
        raise ValueError(f"names its database, which is a number, twice or not as one: {POSSIBLE}")
    return int(said.pop()) if said else 0


def _socket(parts: SplitResult) -> str:
    if parts.hostname or not parts.path.strip("/"):
        raise ValueError(f"names no path of a socket, which begins with a third /: {POSSIBLE}")
    return unquote(parts.path)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
