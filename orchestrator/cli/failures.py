"""Mistakes of users end in a sentence and an exit code, failures of ours in a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from pydantic import ValidationError

from orchestrator.errors import OrchestratorError
from orchestrator.settings import Settings

USAGE = 2


class Unusable(OrchestratorError):
    """A setting is missing or does not work here; the message names it."""

    exit_code: ClassVar[int] = USAGE


@contextmanager
def told() -> Iterator[None]:
    """Print what is wrong and exit with 2, or with the error's own code, instead of a traceback."""
    try:
        yield
    except Unusable as error:
        _exit(str(error), error.exit_code)
    except OrchestratorError as error:
        _exit(str(error))
    except PermissionError as error:
        _exit(f"{error.filename}: {error.strerror}")


def read_settings() -> Settings:
    """The settings; Unusable names every variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        raise Unusable("; ".join(_in_words(item["loc"], item["msg"]) for item in error.errors())) from None


def broker_of(settings: Settings) -> str:
    """The broker's address; Unusable when there is none."""
    try:
        return settings.broker
    except RuntimeError as error:
        raise Unusable(str(error)) from None


def _in_words(location: tuple[int | str, ...], message: str) -> str:
    name = ".".join(str(part) for part in location).upper()
    sentence = message.removeprefix("Value error, ")
    return f"{name}: {sentence}" if name else sentence


def _exit(message: str, code: int = USAGE) -> None:
    sys.stderr.write(f"breakouts: {message}\n")
    sys.exit(code)
