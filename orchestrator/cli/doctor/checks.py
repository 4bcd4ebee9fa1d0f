"""A check is a small function; whatever it runs into, the others run as well, and each within its time."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from orchestrator.cli.doctor.parts import Parts
from orchestrator.errors import OutOfQuota


class Status(StrEnum):
    """How it stands with one thing."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Verdict:
    """What a check has found, and what is to be done about it."""

    status: Status
    detail: str
    advice: str = ""


def ok(detail: str) -> Verdict:
    """As it should be."""
    return Verdict(Status.OK, detail)


def warning(detail: str, advice: str = "") -> Verdict:
    """It works, and might work better; or nobody can tell."""
    return Verdict(Status.WARNING, detail, advice)


def failed(detail: str, advice: str = "") -> Verdict:
    """It does not work like this."""
    return Verdict(Status.FAILED, detail, advice)


@dataclass(frozen=True)
class Check:
    """One thing to look at, once those that it `needs` are known to work."""

    name: str
    look: Callable[[Parts], Verdict]
    needs: tuple[str, ...] = ()
    advice: str = ""
    """What to do when the look itself fails."""
    seconds: float = 10.0


def run(checks: Sequence[Check], parts: Parts) -> Iterator[tuple[str, Verdict]]:
    """One verdict after the other; never raises, and tells no secret."""
    broken: set[str] = set()
    for check in checks:
        missing = [name for name in check.needs if name in broken]
        verdict = warning(f"not checked: it needs {missing[0]}") if missing else _within_time(check, parts)
        if missing or verdict.status is Status.FAILED:
            broken.add(check.name)
        yield check.name, Verdict(verdict.status, parts.without_secrets(verdict.detail), verdict.advice)


def _within_time(check: Check, parts: Parts) -> Verdict:
    """The look, in a thread that is left behind when it takes too long."""
    answers: queue.Queue[Verdict] = queue.Queue()
    threading.Thread(target=lambda: answers.put(_look(check, parts)), name=check.name, daemon=True).start()
    try:
        return answers.get(timeout=check.seconds)
    except queue.Empty:
        return failed(f"no answer within {check.seconds:g} s", check.advice)


def _look(check: Check, parts: Parts) -> Verdict:
    try:
        return check.look(parts)
    except OutOfQuota as error:
        return warning(f"not checked: {error}", "try again when the quota has room")
    except Exception as error:  # whatever it is: it is this check's, and it is said
        return failed(_words(error), check.advice)


def _words(error: Exception) -> str:
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    said = " ".join(str(cause).split())
    plain = isinstance(error, (DBAPIError, RedisError, httpx.HTTPError, OSError)) or type(error).__module__.startswith(
        "orchestrator"
    )
    return said if said and plain else f"{type(error).__name__}: {said}".removesuffix(": ")
