"""Databases of both kinds with our tables in them, made once and then copied."""

import shutil
from pathlib import Path

from sqlalchemy import Engine

from orchestrator.settings import Settings
from orchestrator.store.engine import make_engine
from orchestrator.store.migrate import migrate


def engine_of(url: str) -> Engine:
    """An engine for a DATABASE_URL, as our processes make it."""
    return make_engine(Settings(database_url=url, _env_file=None).database, 1)


def migrate_url(url: str) -> None:
    """Bring that database to the newest schema."""
    engine = engine_of(url)
    migrate(engine)
    engine.dispose()


class SQLiteTemplate:
    """A migrated file, and copies of it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "template.db"
        migrate_url(f"sqlite:///{self._file}")

    def copy_to(self, path: Path) -> str:
        """The URL of a copy."""
        shutil.copyfile(self._file, path)
        return f"sqlite:///{path}"
