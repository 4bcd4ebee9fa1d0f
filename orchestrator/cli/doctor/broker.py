"""Checks of the broker, and of the timekeeper and the workers, which are reached through it."""

import time

from redis.exceptions import NoPermissionError, RedisError

from orchestrator.broker_address import parsed
from orchestrator.cli.doctor.broker_trouble import of_connection, of_use
from orchestrator.cli.doctor.checks import Check, Verdict, failed, ok, warning
from orchestrator.cli.doctor.parts import Parts
from orchestrator.process_settings import broker_of
from schemas.tasks import Queue

MANY_MESSAGES = 1000
"""More in one queue call for more workers."""
WORKERS_SECONDS = 2.0


def connection(parts: Parts) -> Verdict:
    """Check that it can be reached with our password."""
    address = parsed(broker_of(parts.settings))
    try:
        parts.broker.redis.ping()
    except (RedisError, OSError) as error:
        return of_connection(error, address)
    return ok(f"{_name(parts)} at {address.where}")


def _name(parts: Parts) -> str:
    try:
        found = parts.info
    except NoPermissionError:
        return "a Redis or Valkey"
    name = str(found.get("server_name") or "redis").title()
    version = found.get(f"{name.lower()}_version") or found.get("redis_version")
    return f"{name} {version}"


def use(parts: Parts) -> Verdict:
    """Check that it lets us do what we need: write, keys and channels of ours, every command."""
    address = parsed(broker_of(parts.settings))
    if refused := of_use(parts.broker.redis, address):
        return refused
    if parts.info.get("cluster_enabled"):
        return failed("it is a node of a cluster, whose commands concern one key each", "use one without cluster mode")
    return ok("it takes every command that we need")


def memory(parts: Parts) -> Verdict:
    """Check that a full broker refuses messages, which we notice, instead of dropping them, which we don't."""
    policy, limit = parts.info.get("maxmemory_policy"), parts.info.get("maxmemory")
    if policy == "noeviction":
        return ok("maxmemory-policy noeviction")
    words, advice = f"maxmemory-policy {policy}", "set it to noeviction"
    return failed(f"{words}: messages are dropped when it is full", advice) if limit else warning(words, advice)


def persistence(parts: Parts) -> Verdict:
    """Check that messages in the queues survive a restart of the broker."""
    if parts.info.get("aof_enabled"):
        return ok("appendonly yes")
    return warning("appendonly no: what waits is lost with it, and sent again some seconds later", "set appendonly yes")


def queues(parts: Parts) -> Verdict:
    """Check that no queue is too long."""
    lengths = parts.broker.queue_lengths()
    words = ", ".join(f"{name} {length}" for name, length in lengths.items())
    if max(lengths.values()) > MANY_MESSAGES:
        return warning(words, "start more workers")
    return ok(words)


def timekeeper(parts: Parts) -> Verdict:
    """Check that one ticks, because nothing happens on time without it."""
    ticked = parts.broker.redis.get(parts.broker.keys.timekeeper)
    if ticked is None:
        return failed("none ticks", "start `breakouts timekeeper`")
    return ok(f"ticked {max(0.0, time.time() - float(ticked)):.0f} s ago")


def workers(parts: Parts) -> Verdict:
    """Check that workers answer and that every queue has one."""
    found = parts.broker.app.control.inspect(timeout=WORKERS_SECONDS).active_queues() or {}
    if not found:
        return failed("none answers", "start `breakouts worker`")
    served = {queue["name"] for taken in found.values() for queue in taken or []}
    if idle := [queue.value for queue in Queue if queue.value not in served]:
        return failed(f"none takes from {', '.join(idle)}", f"start `breakouts worker --queues {','.join(idle)}`")
    return ok(f"{len(found)} answer, and every queue is served: {', '.join(sorted(found))}")


OURS = ("broker", "migrations")
"""What a check needs that looks at names of this deployment, because its database keeps their mark."""

CHECKS = (
    Check("broker", connection, ("settings",), advice="set BROKER_URL to a Redis or Valkey that runs"),
    Check("use of the broker", use, ("broker",)),
    Check("broker's memory", memory, ("broker",)),
    Check("broker's persistence", persistence, ("broker",)),
    Check("queues", queues, OURS),
    Check("timekeeper", timekeeper, OURS),
    Check("workers", workers, OURS),
)
