"""Flower's settings, however it is started: `breakouts flower`, `breakouts up`, `celery -A workers.app flower`.

Flower reads `FLOWER_…` variables after Celery has loaded the application. So the application sets them, in Flower's own
process: no password appears on a command line, and no other process has them.
"""

import os

import click
from dotenv import dotenv_values

from orchestrator.runtime.environment import Changes
from orchestrator.runtime.ports import LOOPBACKS
from orchestrator.settings import ENV_FILE, Settings
from orchestrator.store.secrets import subkey

PREFIX = "FLOWER_"
COLUMNS = "name,state,args,result,received,runtime,worker"
SAVE_MILLISECONDS = 5_000
"""A Flower that is killed loses at most this much."""
PURGE_SECONDS = 60
"""Workers that have gone leave the list after this, because every `breakouts worker` has a new name."""


def set_flower(settings: Settings) -> None:
    """Set Flower's variables when this process is about to become Flower."""
    context = click.get_current_context(silent=True)
    if context is None or context.invoked_subcommand != "flower":
        return
    chosen = {**defaults(settings), **_given(), **access(settings)}
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    os.environ.update({name: value for name, value in chosen.items() if value is not None})


def _given() -> dict[str, str]:
    """Return the variables of Flower's options, as settings take theirs: also from a file, and without blanks."""
    found = {**dotenv_values(ENV_FILE, encoding="utf-8-sig"), **os.environ}
    given = {name: (value or "").strip() for name, value in found.items() if name.startswith(PREFIX)}
    return {name: value for name, value in given.items() if value}


def defaults(settings: Settings) -> dict[str, str]:
    """Return settings that a variable of the same name, or an option on the command line, overrides."""
    return {
        "FLOWER_PERSISTENT": "true",
        "FLOWER_DB": str(settings.home / "flower.db"),
        "FLOWER_STATE_SAVE_INTERVAL": str(SAVE_MILLISECONDS),
        "FLOWER_PURGE_OFFLINE_WORKERS": str(PURGE_SECONDS),
        "FLOWER_NATURAL_TIME": "true",
        "FLOWER_TASKS_COLUMNS": COLUMNS,
        "FLOWER_LOGGING": settings.log_level.lower(),
        "FLOWER_COOKIE_SECRET": subkey(settings.secrets[0], "flower cookies").hex(),
    }


def access(settings: Settings) -> Changes:
    """Return where Flower listens and who may use it; no variable of the same name overrides these.

    Without a password Flower's API answers 401, except on loopback, where we open it for reading. It stays closed for
    writing because Flower lets pages of any origin call an open API, and they must not stop workers. An empty password
    counts as none (Flower itself would take it for one that nobody knows).
    """
    address = {"FLOWER_ADDRESS": settings.flower_host, "FLOWER_PORT": str(settings.flower_port)}
    if password := settings.flower_basic_auth.get_secret_value():
        return {**address, "FLOWER_BASIC_AUTH": password}
    if settings.flower_host in LOOPBACKS:
        return {
            **address,
            "FLOWER_BASIC_AUTH": None,
            "FLOWER_UNAUTHENTICATED_API": "true",
            "FLOWER_READ_ONLY": "true",
        }
    return {**address, "FLOWER_BASIC_AUTH": None}
