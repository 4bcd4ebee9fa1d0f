"""What is wrong with a broker, from its own answers, and what to do about each."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import redis
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    InvalidResponse,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import TimeoutError as NoAnswerInTime

from orchestrator.broker_address import BrokerAddress
from orchestrator.cli.doctor.checks import Verdict, failed

KEYS = "bo:*"
"""The keys of every deployment begin with this."""
CHANNELS = "*"
"""The channels begin with it too, but Redis lets a user subscribe to a pattern only if the very same one is granted."""
PLAIN_SECONDS = 2.0
PROBED = "bo:doctor"
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("get", PROBED),
    ("set", PROBED, "1"),
    ("del", PROBED),
    ("exists", PROBED),
    ("expire", PROBED, "1"),
    ("pexpire", PROBED, "1"),
    ("pttl", PROBED),
    ("lpush", PROBED, "1"),
    ("rpush", PROBED, "1"),
    ("rpop", PROBED),
    ("brpop", PROBED, "1"),
    ("llen", PROBED),
    ("sadd", PROBED, "1"),
    ("srem", PROBED, "1"),
    ("smembers", PROBED),
    ("hset", PROBED, "1", "1"),
    ("hget", PROBED, "1"),
    ("hdel", PROBED, "1"),
    ("hsetnx", PROBED, "1", "1"),
    ("hincrby", PROBED, "1", "1"),
    ("zadd", PROBED, "1", "1"),
    ("zrem", PROBED, "1"),
    ("zcard", PROBED),
    ("zcount", PROBED, "0", "1"),
    ("zrange", PROBED, "0", "1"),
    ("zrangebyscore", PROBED, "0", "1"),
    ("zrank", PROBED, "1"),
    ("zscore", PROBED, "1"),
    ("zremrangebyscore", PROBED, "0", "1"),
    ("publish", PROBED, "1"),
    ("eval", "return 1", "1", PROBED),
    ("evalsha", "0" * 40, "1", PROBED),
    ("script", "load", "return 1"),
    ("time",),
    ("ping",),
    ("info",),
)
"""What we, Celery and Flower send, each as one harmless example."""
AROUND = ("client", "select", "watch", "unwatch", "multi", "exec", "discard", "psubscribe", "punsubscribe")
"""What can't be queued by MULTI, or surrounds it."""
EVERYTHING = "multi"
"""Without this command nothing can be found out about the others."""
ALL_COMMANDS = (*AROUND, *(words[0] for words in COMMANDS))


class Cause(NamedTuple):
    """What an error whose words contain `part` means, and what to do about it."""

    error: type[Exception]
    part: str
    words: str
    advice: str


NO_REDIS = "what listens there does not answer as a Redis"
OTHER = "correct the port in BROKER_URL, or write {other}:// if it {wants} TLS"
CAUSES = (
    Cause(
        AuthenticationError,
        "invalid username-password",
        "the user {user} with the password of BROKER_URL is refused",
        "correct user and password in BROKER_URL (%XX for special characters), or switch the user on",
    ),
    Cause(
        AuthenticationError,
        "without any password",
        "the broker has no password, and BROKER_URL one",
        "take the password out of BROKER_URL, or set requirepass there",
    ),
    Cause(
        AuthenticationError,
        "",
        "the broker wants a password",
        "write it into BROKER_URL: redis://user:password@host:port/0 (without a user: redis://:password@…)",
    ),
    Cause(BusyLoadingError, "", "the broker reads its file", "wait until it has"),
    Cause(
        RedisError,
        "CERTIFICATE_VERIFY_FAILED",
        "its certificate is not trusted",
        "let ssl_ca_certs in BROKER_URL name the file of its authority, and use the host name of the certificate"
        " (ssl_cert_reqs=none where its provider signs by itself)",
    ),
    Cause(InvalidResponse, "", NO_REDIS, OTHER),
    Cause(RedisError, "SSL", NO_REDIS, OTHER),
    Cause(RedisError, "closed by server", NO_REDIS, OTHER),
    Cause(RedisError, "reset by peer", NO_REDIS, OTHER),
    Cause(
        NoAnswerInTime,
        "",
        "it does not answer",
        "see that no firewall is between here and {where}, and that no script keeps it busy",
    ),
    Cause(RedisError, "refused", "nothing listens there", "start the broker at {where}, or correct BROKER_URL"),
    Cause(RedisError, "BUSY", "a script keeps it busy", "end it with SCRIPT KILL"),
)
"""The first that fits counts."""


def of_connection(error: Exception, address: BrokerAddress) -> Verdict:
    """Return the verdict on a broker that could not be asked."""
    said = " ".join(str(error).split())
    if isinstance(error, NoPermissionError):
        return _lacks({EVERYTHING: said}, address.username or "default")
    if address.tls and _speaks_plainly(address):
        return failed(f"it does not speak TLS there: {said}", "write redis:// in BROKER_URL, or the port with TLS")
    more = {
        "user": address.username or "default",
        "where": address.where,
        "other": "redis" if address.tls else "rediss",
        "wants": "speaks no" if address.tls else "wants",
    }
    for cause in CAUSES:
        if isinstance(error, cause.error) and cause.part in said:
            return failed(f"{cause.words.format_map(more)}: {said}", cause.advice.format_map(more))
    return failed(said, f"see that a Redis or Valkey runs at {address.where} and can be reached from here")


def _speaks_plainly(address: BrokerAddress) -> bool:
    """Whether a Redis answers there without TLS. One that gets TLS waits for the end of a line, and says nothing."""
    with suppress(OSError), socket.create_connection((address.host, address.port), PLAIN_SECONDS) as line:
        line.sendall(b"PING\r\n")
        return line.recv(1) in (b"+", b"-")
    return False


def of_use(client: redis.Redis, address: BrokerAddress) -> Verdict | None:
    """Ask whether it would do what we need; None if so.

    The commands are queued by MULTI, where the broker checks all but their effect, and thrown away by DISCARD.
    """
    errors = {command[0]: error for command, error in _refusals(client)}
    for kind, verdict in (
        (ReadOnlyError, failed("it is a replica, which can't be written", "set BROKER_URL to the primary")),
        (OutOfMemoryError, failed("it is full", "raise its maxmemory, or take out what else is stored there")),
    ):
        if any(isinstance(error, kind) for error in errors.values()):
            return verdict
    denied = {name: str(error) for name, error in errors.items() if isinstance(error, NoPermissionError)}
    if denied:
        return _lacks(denied, address.username or "default")
    return next((failed(str(error), "see its log") for error in errors.values()), None)


def _lacks(denied: dict[str, str], user: str) -> Verdict:
    """Return the verdict on missing rights, with the line that grants them."""
    all_unknown = EVERYTHING in denied
    keys = all_unknown or any("access a key" in said for said in denied.values())
    channels = all_unknown or any("access a channel" in said for said in denied.values())
    commands = ALL_COMMANDS if all_unknown else [name for name, said in denied.items() if "to run" in said]
    missing = [*(f"+{name}" for name in commands), *[f"~{KEYS}"] * keys, *[f"&{CHANNELS}"] * channels]
    words = f"the user {user} lacks rights ({'; '.join(dict.fromkeys(denied.values()))})"
    return failed(words, f"run at the broker: ACL SETUSER {user} {' '.join(missing)}")


def _refusals(client: redis.Redis) -> Iterator[tuple[tuple[str, ...], RedisError]]:
    """Yield each command that the broker does not accept, with its error."""
    with client.client() as line:  # type: ignore[no-untyped-call]  # redis-py has none here
        command: tuple[str, ...]
        for command in (("client", "setname", "breakouts-doctor"), ("watch", PROBED), ("unwatch",)):
            if error := _error(line, command):
                yield command, error
        if error := _error(line, (EVERYTHING,)):
            yield (EVERYTHING,), error
            return
        for command in COMMANDS:
            if error := _error(line, command):
                yield command, error
        _error(line, ("discard",))
        with line.pubsub() as listener:
            try:
                listener.psubscribe(f"{PROBED}:*")
                listener.parse_response()
            except RedisError as refused:
                yield ("psubscribe",), refused


def _error(line: redis.Redis, command: tuple[str, ...]) -> RedisError | None:
    try:
        line.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py has none here
    except RedisError as error:
        return error
    return None
