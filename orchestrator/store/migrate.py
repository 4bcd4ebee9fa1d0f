"""Migrates a database to the newest schema, and compares the models with the migrations."""

from importlib.resources import files
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, text
from sqlmodel import SQLModel

from orchestrator.errors import NewerSchema
from orchestrator.store.revision import Standing, known, revision_of, standing

MIGRATION_LOCK_KEY = 7_205_919
"""The key of an advisory lock. Any number will do; processes that migrate at once wait for it."""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("schemas") / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(engine: Engine) -> None:
    """Upgrade to the newest revision. Several processes may run this at once, and any number of times.

    All of it is one transaction, because behind a pooler a lock of the session would stay with the pooler. Raises
    NewerSchema for a database that a newer release has migrated, and leaves it as it is.
    """
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                _wait_for_ever(connection)
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK_KEY})
            _refuse_a_newer(connection)
            command.upgrade(_config(connection), "head")
    finally:
        engine.dispose()


def _wait_for_ever(connection: Connection) -> None:
    """Lift the limits of a connection, for one transaction and then for as long as it lives."""
    driver: Any = connection.connection.driver_connection
    driver.answers_within = None
    connection.execute(text("SET LOCAL lock_timeout = 0"))
    connection.execute(text("SET LOCAL statement_timeout = 0"))


def _refuse_a_newer(connection: Connection) -> None:
    found = revision_of(connection)
    if standing(found) is Standing.AHEAD:
        raise NewerSchema(
            f"the database has the schema {found} of a newer release, and this one knows those up to {known()[-1]}"
        )


def differences(engine: Engine) -> list[Any]:
    """Return what differs between the models and the migrated database."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, SQLModel.metadata))


def write_revision(engine: Engine, message: str) -> None:
    """Write a migration for these differences."""
    with engine.connect() as connection:
        command.revision(_config(connection), message, autogenerate=True)
