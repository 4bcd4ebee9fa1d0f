"""Mistakes of users end in a sentence and exit code 2, failures of ours in a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from orchestrator.errors import OrchestratorError
from orchestrator.settings import Settings


class Unusable(OrchestratorError):
    """A setting is missing or does not work here; the message names it."""


@contextmanager
def told() -> Iterator[None]:
    """Print what is wrong and exit with 2, instead of a traceback."""
    try:
        yield
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


def _exit(message: str) -> None:
    sys.stderr.write(f"breakouts: {message}\n")
    sys.exit(2)
