"""`python -m orchestrator.cli.migrate`: bring the database to the newest schema."""

import sys

from sqlalchemy.exc import DBAPIError

from orchestrator.cli.database_advice import GO_ON, advice_for, words_of
from orchestrator.cli.failures import errors_as_messages
from orchestrator.database_address import shown
from orchestrator.errors import NewerSchema, Unusable
from orchestrator.log import configure
from orchestrator.process_settings import Process, read
from orchestrator.store.engine import make_engine
from orchestrator.store.migrate import migrate


def run(address: str) -> str:
    """Migrate, and return the database's address without its password. Raises Unusable if that can't be done."""
    engine = make_engine(address, 1)
    try:
        migrate(engine)
    except DBAPIError as error:
        raise Unusable(f"DATABASE_URL, {shown(address)}: {words_of(error)}; {advice_for(error)}") from None
    except NewerSchema as error:
        raise Unusable(f"DATABASE_URL, {shown(address)}: {error}; {GO_ON}") from None
    finally:
        engine.dispose()
    return shown(address)


if __name__ == "__main__":
    with errors_as_messages():
        settings = read(Process.MIGRATE)
        configure(settings.log_level, settings.log_json)
        sys.stdout.write(f"migrated {run(settings.database)}\n")
