"""Users' mistakes end in a sentence and an exit code; bugs end in a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from pydantic import ValidationError

from orchestrator.errors import OrchestratorError
from orchestrator.settings import Settings

USAGE_EXIT_CODE = 2


class Unusable(OrchestratorError):
    """A setting is missing or does not work here; the message names it."""

    exit_code: ClassVar[int] = USAGE_EXIT_CODE


@contextmanager
def errors_as_messages() -> Iterator[None]:
    """Print an error's message instead of a traceback, and exit with its own exit code or 2."""
    try:
        yield
    except Unusable as error:
        _exit(str(error), error.exit_code)
    except OrchestratorError as error:
        _exit(str(error))
    except PermissionError as error:
        _exit(f"{error.filename}: {error.strerror}")


def read_settings() -> Settings:
    """Read the settings. Raises Unusable, which names every variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        raise Unusable("; ".join(_sentence(item["loc"], item["msg"]) for item in error.errors())) from None


def broker_of(settings: Settings) -> str:
    """Return the broker's address. Raises Unusable if there is none."""
    try:
        return settings.broker
    except RuntimeError as error:
        raise Unusable(str(error)) from None


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    name = ".".join(str(part) for part in location).upper()
    text = message.removeprefix("Value error, ")
    return f"{name}: {text}" if name else text


def _exit(message: str, code: int = USAGE_EXIT_CODE) -> None:
    sys.stderr.write(f"breakouts: {message}\n")
    sys.exit(code)
