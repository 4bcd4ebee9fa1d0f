"""Databases of both kinds with our tables, migrated once and then copied."""

import shutil
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

from orchestrator.settings import Settings
from orchestrator.store.engine import make_engine
from orchestrator.store.migrate import migrate


def engine_of(url: str) -> Engine:
    """Make an engine for a DATABASE_URL, as our processes do."""
    return make_engine(Settings(database_url=url, _env_file=None).database, 1)


def migrate_url(url: str) -> None:
    """Bring a database to the newest schema."""
    engine = engine_of(url)
    migrate(engine)
    engine.dispose()


def migrate_to(url: str, revision: str) -> None:
    """Bring an empty database to the schema that an older release had."""
    config = Config()
    config.set_main_option("script_location", "schemas:migrations")
    engine = engine_of(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def pretend_newer(url: str) -> str:
    """Let a migrated database look like one of a newer release. Returns its revision."""
    engine = engine_of(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    return "9999"


class SQLiteTemplate:
    """A migrated file to copy."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "template.db"
        migrate_url(f"sqlite:///{self._file}")

    def copy_to(self, path: Path) -> str:
        """Copy it, and return the URL of the copy."""
        shutil.copyfile(self._file, path)
        return f"sqlite:///{path}"
