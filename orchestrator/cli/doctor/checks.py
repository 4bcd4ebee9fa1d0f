"""Running checks: each is a small function with a time limit, and a failing one does not stop the others."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from orchestrator.cli.database_advice import advice_for
from orchestrator.cli.doctor.parts import Parts
from orchestrator.errors import OutOfQuota


class Status(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Verdict:
    """What a check found, and what to do about it."""

    status: Status
    detail: str
    advice: str = ""


def ok(detail: str) -> Verdict:
    """Return the verdict that all is well."""
    return Verdict(Status.OK, detail)


def warning(detail: str, advice: str = "") -> Verdict:
    """Return the verdict that something could be better, or could not be checked."""
    return Verdict(Status.WARNING, detail, advice)


def failed(detail: str, advice: str = "") -> Verdict:
    """Return the verdict that something does not work."""
    return Verdict(Status.FAILED, detail, advice)


@dataclass(frozen=True)
class Check:
    """A check that runs only if the checks that it `needs` have not failed."""

    name: str
    probe: Callable[[Parts], Verdict]
    needs: tuple[str, ...] = ()
    advice: str = ""
    """What to do when the probe raises or takes too long."""
    timeout_seconds: float = 10.0


def run(checks: Sequence[Check], parts: Parts) -> Iterator[tuple[str, Verdict]]:
    """Run the checks in order and yield their verdicts. Never raises; removes secrets from the texts."""
    failing: set[str] = set()
    for check in checks:
        missing = [name for name in check.needs if name in failing]
        verdict = warning(f"not checked: it needs {missing[0]}") if missing else _within_time(check, parts)
        if missing or verdict.status is Status.FAILED:
            failing.add(check.name)
        yield check.name, Verdict(verdict.status, parts.without_secrets(verdict.detail), verdict.advice)


def _within_time(check: Check, parts: Parts) -> Verdict:
    """Run the probe in a thread, which is abandoned when it takes too long."""
    answers: queue.Queue[Verdict] = queue.Queue()
    threading.Thread(target=lambda: answers.put(_probe(check, parts)), name=check.name, daemon=True).start()
    try:
        return answers.get(timeout=check.timeout_seconds)
    except queue.Empty:
        return failed(f"no answer within {check.timeout_seconds:g} s", check.advice)


def _probe(check: Check, parts: Parts) -> Verdict:
    try:
        return check.probe(parts)
    except OutOfQuota as error:
        return warning(f"not checked: {error}", "try again when the quota has room")
    except DBAPIError as error:
        return failed(_words(error), advice_for(error))
    except Exception as error:  # any error is the verdict of this check, and must not stop the others
        return failed(_words(error), check.advice)


def _words(error: Exception) -> str:
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    said = " ".join(str(cause).split())
    plain = isinstance(error, (DBAPIError, RedisError, httpx.HTTPError, OSError)) or type(error).__module__.startswith(
        "orchestrator"
    )
    return said if said and plain else f"{type(error).__name__}: {said}".removesuffix(": ")
