"""Users' mistakes end in a sentence and an exit code; bugs end in a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.errors import OrchestratorError, Unusable

USAGE_EXIT_CODE = 2


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


def _exit(message: str, code: int = USAGE_EXIT_CODE) -> None:
    sys.stderr.write(f"breakouts: {message}\n")
    sys.exit(code)
