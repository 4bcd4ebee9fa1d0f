"""What an error of the database means, and what to do about it, in words for whoever has set DATABASE_URL."""

import re
from dataclasses import dataclass
from typing import Any

MIGRATE = "run `breakouts migrate`"
GO_ON = "run the release that migrated it, or a newer one, or restore a backup from before"
"""What to do about a schema that is newer than this release."""
SAY_ELSEWHERE = (
    "leave `options` out of DATABASE_URL, and set them with ALTER ROLE … SET …, because the pooler refuses them"
)
FEWER = (
    "set DATABASE_CONNECTIONS lower in some processes, or let the server have more"
    " (max_connections, ALTER ROLE … CONNECTION LIMIT, the pooler's max_client_conn)"
)


@dataclass(frozen=True)
class Cause:
    """A cause, found by its SQLSTATE, or by words of libpq, which gives no SQLSTATE when it can't connect."""

    states: str
    words: str
    advice: str


CAUSES = (
    Cause("28P01", "password authentication failed|no password supplied", "correct user and password in DATABASE_URL"),
    Cause("28000", "no pg_hba.conf entry", "let this machine in (pg_hba.conf), or set sslmode=require in DATABASE_URL"),
    Cause("28000", 'role ".*" does not exist|no such user', "create the role, or correct the user in DATABASE_URL"),
    Cause("3D000", 'database ".*" does not exist|no such database', f"create the database, then {MIGRATE}"),
    Cause(
        "53300",
        "too many (clients|connections)|remaining connection slots|no more connections allowed|query_wait_timeout",
        FEWER,
    ),
    Cause("", "unsupported startup parameter", SAY_ELSEWHERE),
    Cause("", "certificate|SSL|root.crt", "set sslmode and sslrootcert in DATABASE_URL to what the server offers"),
    Cause("", "definition of service|service file", "name a service of the file PGSERVICEFILE in DATABASE_URL"),
    Cause("", "translate host name|failed to resolve|Name or service", "correct the host in DATABASE_URL"),
    Cause("", "read-only|not accept writes", "name the server that can be written in DATABASE_URL"),
    Cause(
        "25006", "readonly database", "see that DATABASE_URL names the primary, without default_transaction_read_only"
    ),
    Cause("42501", "permission denied", "grant the role the rights on schema and tables, or make it their owner"),
    Cause("42P01 42703 3F000", "no such table|no such column|has no column named", MIGRATE),
    Cause("53100", "disk is full|No space left", "make room on its disk"),
    Cause("57P03", "starting up|shutting down|recovery", "wait until it has started"),
)
REACH = "see that the database runs, and that DATABASE_URL names its host and port"


def words_of(error: BaseException) -> str:
    """Return what the driver said, in one line."""
    cause: Any = getattr(error, "orig", None) or error
    return " ".join(str(cause).split())


def advice_for(error: BaseException) -> str:
    """Return what to do about an error of the database."""
    state, said = getattr(getattr(error, "orig", None), "sqlstate", None), words_of(error)
    for cause in CAUSES:
        if state in cause.states.split() or (not state and re.search(cause.words, said)):
            return cause.advice
    return REACH
