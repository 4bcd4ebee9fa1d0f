"""BREAKOUTS_HOME: one `breakouts up` at a time owns it, and its private files are readable by nobody else."""

import fcntl
import os
import secrets
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


def write_private(path: Path, text: str) -> None:
    """Put `text` in a file that only its owner can read; whoever reads sees all of it or the file before."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def once_secret(path: Path) -> str:
    """The secret in a private file, made when there is none; call it as the owner of the home."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text().strip()
