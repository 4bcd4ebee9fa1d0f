"""Proves that a migrated database can be written, because one that only reads answers every question."""

import threading
import time

from sqlalchemy import update
from sqlmodel import col

from orchestrator.store.database import Database
from orchestrator.store.revision import FOUND, refuse_older
from schemas.tables import Deployment

PROOF = update(Deployment).values(install=col(Deployment.install)).returning(FOUND)
FRESH_SECONDS = 1.0
"""How long a proof is shared by all who ask in this process."""


class WriteProof:
    """Writes the deployment's one row as it is, so nothing grows, and remembers for a moment how that went.

    The same statement asks for the revision, because an older backup may be restored under a running process.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._proved_at = float("-inf")
        self._error: Exception | None = None

    def check(self) -> None:
        """Raise what the database said when it was last written, at most FRESH_SECONDS ago.

        Raises NotMigrated for a schema that is older than this release's.
        """
        with self._lock:
            if time.monotonic() - self._proved_at >= FRESH_SECONDS:
                self._error = self._write()
                self._proved_at = time.monotonic()
            if self._error is not None:
                raise self._error

    def _write(self) -> Exception | None:
        try:
            with self._database.transaction() as tx:
                refuse_older(tx.session.scalar(PROOF))
        except Exception as error:  # whatever it is, it is the answer
            return error
        return None
