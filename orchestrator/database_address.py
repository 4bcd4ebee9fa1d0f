"""DATABASE_URL: one address for SQLite or PostgreSQL, with one meaning for all that connects.

PostgreSQL's is handed to libpq as it is, so that everything in libpq's documentation ("Connection Strings") works:
several hosts, sockets, services, files of passwords and certificates.
"""

import os
import re
from urllib.parse import quote, urlencode

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

POSSIBLE = (
    "use postgresql://user:password@host:5432/name or libpq's `host=… dbname=…`, with the parameters of libpq,"
    " or sqlite:///path/of/a.db"
)
POSTGRESQL_PREFIX = re.compile(r"^(postgres|postgresql|postgresql\+psycopg)://")
SQLITE_PREFIX = re.compile(r"^sqlite(\+pysqlite)?:///(?!$|\?|:memory:)")
"""A database in memory is refused, because every process would have its own."""
KEY_AND_VALUE = re.compile(r"^\s*[a-z_]+\s*=")
UNKNOWN_PARAMETER = re.compile(r'invalid (?:URI query parameter: |connection option )"(\w+)"')
"""How libpq names a parameter that it does not know. Its other complaints may repeat the password."""
SECRETS = frozenset({"password", "sslpassword", "oauth_client_secret"})

PATIENCE = {"connect_timeout": "5", "tcp_user_timeout": "10000", "keepalives_idle": "10", "keepalives_interval": "5"}
"""What an address that says nothing else means: a host that vanished is given up after 5 s, or 10 s inside a query."""


def checked(address: str) -> str:
    """Return the address as SQLAlchemy (SQLite) or libpq (PostgreSQL) takes it.

    Raises ValueError with a sentence, without any value, for what leads nowhere.
    """
    if SQLITE_PREFIX.match(address):
        return address
    if not POSTGRESQL_PREFIX.match(address) and ("://" in address or not KEY_AND_VALUE.match(address)):
        raise ValueError(f"is no address of a database; {POSSIBLE}")
    plain = POSTGRESQL_PREFIX.sub("postgresql://", address)
    try:
        conninfo_to_dict(plain)
    except ProgrammingError as error:
        unknown = UNKNOWN_PARAMETER.search(str(error))
        what = f"has a parameter that libpq does not know, {unknown[1]}" if unknown else "can't be read by libpq"
        raise ValueError(f"{what}; {POSSIBLE}, and write %XX for a special character in a URL") from None
    return plain


def is_sqlite(address: str) -> bool:
    """Whether a checked address is SQLite's."""
    return address.startswith("sqlite")


def parameters(address: str) -> dict[str, str]:
    """Return what a checked address of PostgreSQL says, by libpq's names."""
    return {name: str(value) for name, value in conninfo_to_dict(address).items() if value is not None}


def connect_options(address: str, name: str) -> dict[str, str]:
    """Return what we add to an address that does not say it; `name` tells PostgreSQL's administrator who we are.

    An address with several hosts means the one that can be written. A service file and PGCONNECT_TIMEOUT speak for the
    address.
    """
    said = parameters(address)
    ours = {**PATIENCE, "fallback_application_name": name}
    if "," in said.get("host", "") + said.get("hostaddr", ""):
        ours["target_session_attrs"] = "read-write"
    if "service" in said or "PGSERVICE" in os.environ:
        ours = {"fallback_application_name": name}
    if "PGCONNECT_TIMEOUT" in os.environ:
        ours.pop("connect_timeout", None)
    return {key: value for key, value in ours.items() if key not in said}


def secrets_in(address: str) -> set[str]:
    """Return the passwords that a checked address contains."""
    return set() if is_sqlite(address) else {value for key, value in parameters(address).items() if key in SECRETS}


def shown(address: str) -> str:
    """Return a checked address without passwords, PostgreSQL's as a URL."""
    if is_sqlite(address):
        return address
    said = {key: value for key, value in parameters(address).items() if key not in SECRETS}
    hosts, ports = said.pop("host", "").split(","), said.pop("port", "").split(",")
    ports = ports if len(ports) == len(hosts) else ports[:1] * len(hosts)
    places = ",".join(_place(host, port) for host, port in zip(hosts, ports, strict=True))
    user = quote(said.pop("user", ""))
    name = quote(said.pop("dbname", ""))
    rest = f"?{urlencode(said, quote_via=quote, safe='/')}" if said else ""
    return f"postgresql://{user}{'@' if user else ''}{places}/{name}{rest}"


def _place(host: str, port: str) -> str:
    place = f"[{host}]" if ":" in host else quote(host, safe="")
    return f"{place}:{port}" if port else place
