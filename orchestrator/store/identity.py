"""What tells this deployment from others: eight hex digits that its database keeps from its first migration on."""

from functools import cached_property

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlmodel import col

from orchestrator.errors import NotMigrated
from orchestrator.store.database import Database
from orchestrator.store.keys import Keys
from orchestrator.store.revision import lacks_something
from schemas.tables import Deployment


class Identity:
    """Reads the digits once, at the first need, because a process may start while its database is away."""

    def __init__(self, database: Database, known: Keys | None = None) -> None:
        self._database = database
        self._known = known

    @cached_property
    def install(self) -> str:
        """The eight digits. Raises NotMigrated, and SQLAlchemy's errors while the database does not answer."""
        if self._known is not None:
            return self._known.install
        try:
            with self._database.glancing() as session:
                found: str | None = session.scalar(select(col(Deployment.install)))
        except DBAPIError as error:
            if not lacks_something(error):
                raise
            found = None
        if found is None:
            raise NotMigrated
        return found

    @cached_property
    def keys(self) -> Keys:
        """The deployment's names in Redis. Raises what `install` raises."""
        return Keys(self.install)
