"""BREAKOUTS_HOME belongs to one `breakouts up` at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import OrchestratorError


class AlreadyUp(OrchestratorError):
    """Another `breakouts up` has this home."""


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the home; the kernel lets go of it however this process ends. AlreadyUp when another holds it."""
    with (home / "up.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise AlreadyUp(
                f"`breakouts up` already runs in {home} (process {holder}): "
                "stop it, or set BREAKOUTS_HOME to another folder"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
