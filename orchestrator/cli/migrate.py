"""`python -m orchestrator.cli.migrate`: bring the database to the newest schema."""

import sys

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from orchestrator.cli.failures import Unusable, errors_as_messages, read_settings
from orchestrator.log import configure
from orchestrator.store.engine import make_engine
from orchestrator.store.migrate import migrate


def run(url: str) -> str:
    """Migrate, and return the database's address without its password. Raises Unusable if it can't be reached."""
    try:
        shown = make_url(url).render_as_string(hide_password=True)
        engine = make_engine(url, 1)
    except (ArgumentError, ModuleNotFoundError) as error:
        raise Unusable(f"DATABASE_URL can't be used: {error}") from None
    try:
        migrate(engine)
    except OperationalError as error:
        raise Unusable(f"DATABASE_URL does not answer: {shown}: {str(error.orig).strip()}") from None
    finally:
        engine.dispose()
    return shown


if __name__ == "__main__":
    with errors_as_messages():
        settings = read_settings()
        configure(settings.log_level, settings.log_json)
        sys.stdout.write(f"migrated {run(settings.database)}\n")
