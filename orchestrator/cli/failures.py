"""Users' mistakes end in a sentence and an exit code; bugs end in a traceback."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.errors import OrchestratorError, Unusable

USAGE_EXIT_CODE = 2
CANT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a file says that takes no more, also where the output goes to one."""


@contextmanager
def errors_as_messages() -> Iterator[None]:
    """Print an error's message instead of a traceback, and exit with its own exit code or 2."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except Unusable as error:
        _exit(str(error), error.exit_code)
    except OrchestratorError as error:
        _exit(str(error))
    except PermissionError as error:
        _exit(f"{error.filename}: {error.strerror}")
    except BrokenPipeError:  # whoever read the output has enough
        _drop_output()
        sys.exit(1)
    except OSError as error:
        if error.errno not in CANT_WRITE:
            raise
        _drop_output()
        _exit(f"can't write{f' {error.filename}' if error.filename else ''}: {error.strerror}")


def _drop_output() -> None:
    """Let what is left of the output go nowhere, or the interpreter would try to write it at its end, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _exit(message: str, code: int = USAGE_EXIT_CODE) -> None:
    sys.stderr.write(f"breakouts: {message}\n")
    sys.exit(code)
