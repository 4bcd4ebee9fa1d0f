"""Databases of both kinds with our tables, migrated once and then copied."""

import shutil
from pathlib import Path

from sqlalchemy import Engine

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


class SQLiteTemplate:
    """A migrated file to copy."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "template.db"
        migrate_url(f"sqlite:///{self._file}")

    def copy_to(self, path: Path) -> str:
        """Copy it, and return the URL of the copy."""
        shutil.copyfile(self._file, path)
        return f"sqlite:///{path}"
