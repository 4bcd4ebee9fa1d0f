"""How a Celery process learns its deployment's names in Redis: from the database, which may be away at its start."""

import time
from contextlib import suppress

import click

from orchestrator import bootstrap
from orchestrator.errors import NotMigrated
from orchestrator.log import logger
from orchestrator.runtime import alive
from orchestrator.settings import Settings
from orchestrator.store.keys import Keys
from orchestrator.store.trouble import DATABASE_TROUBLE

log = logger(__name__)

PAUSE_SECONDS = 1.0


def wait_for_keys(settings: Settings) -> Keys:
    """Ask until the database answers and is migrated, and log each new reason to wait.

    The process counts as alive meanwhile, because starting it anew would not help.
    """
    said = ""
    while True:
        with suppress(OSError):
            alive.touch(settings.heartbeat_file)
        try:
            return bootstrap.keys_of(settings)
        except (NotMigrated, *DATABASE_TROUBLE) as error:
            if said != (said := _words(error)):
                log.warning("this process waits for its database", detail=said)
        time.sleep(PAUSE_SECONDS)


def ask_for_keys(settings: Settings) -> Keys:
    """Ask once. Raises ClickException, which ends a command of Celery with one sentence."""
    try:
        return bootstrap.keys_of(settings)
    except NotMigrated as error:
        raise click.ClickException(str(error)) from None
    except DATABASE_TROUBLE as error:
        raise click.ClickException(f"the database does not answer: {_words(error)}") from None


def _words(error: Exception) -> str:
    return " ".join(str(getattr(error, "orig", None) or error).split())[:200]
