"""BREAKOUTS_HOME: one `breakouts up` at a time locks it, and only its owner can read its private files."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import OrchestratorError


class AlreadyUp(OrchestratorError):
    """Another `breakouts up` runs in this home."""


@contextmanager
def lock_home(home: Path) -> Iterator[None]:
    """Lock the home; the kernel unlocks it however this process ends. Raises AlreadyUp if another process holds it."""
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


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; a reader sees the old or the new text as a whole."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def stored_secret(path: Path) -> str:
    """Read the secret in a private file, which is made if missing. Call it under the lock of the home."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text().strip()
