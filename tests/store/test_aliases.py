"""Second names of tables that many threads use from the first moment on."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

from sqlalchemy import case, select
from sqlalchemy.exc import SAWarning, SQLAlchemyError
from sqlmodel import col

from orchestrator.store.aliases import shared_alias
from schemas.tables import Room, Seat

ROUNDS, THREADS = 300, 4
UNMADE = """
import pkgutil, importlib, orchestrator
from sqlalchemy import FromClause, inspect
from sqlalchemy.orm.util import AliasedClass

def is_unmade(it):
    if isinstance(it, AliasedClass):
        return not {column.key for column in inspect(it).mapper.column_attrs} <= set(vars(it))
    return isinstance(it, FromClause) and "_columns" not in vars(it)

names = [it.name for it in pkgutil.walk_packages(orchestrator.__path__, "orchestrator.")]
for module in [importlib.import_module(name) for name in names if not name.endswith("__main__")]:
    for name, it in vars(module).items():
        if is_unmade(it):
            print(f"{module.__name__}.{name}")
"""
"""Names what modules of ours keep and threads would make together."""


def test_no_module_keeps_an_alias_whose_columns_are_made_when_they_are_first_used() -> None:
    run = subprocess.run([sys.executable, "-c", UNMADE], capture_output=True, text=True, check=False)
    assert (run.stdout, run.returncode) == ("", 0), run.stderr


def test_threads_that_use_an_alias_at_the_same_time_make_the_same_statement() -> None:
    with switching_often(), ThreadPoolExecutor(THREADS) as pool:
        assert sum(is_torn(pool, shared_alias(Seat)) for _ in range(ROUNDS)) == 0


def is_torn(pool: ThreadPoolExecutor, alias: Any) -> bool:
    """Whether threads make different statements with an alias, or none: many do with one of SQLAlchemy's own."""
    start = Barrier(THREADS)

    def use(_: int) -> str:
        start.wait()
        which = case((col(Seat.wanted), col(Seat.id)), else_=col(Seat.previous_id))
        statement = select(col(Seat.participant_id), col(alias.id), col(alias.auth_token))
        return str(statement.join(alias, col(alias.id) == which).join(Room, col(Room.id) == col(alias.room_id)))

    try:
        return len(set(pool.map(use, range(THREADS)))) > 1
    except (SAWarning, SQLAlchemyError):
        return True


@contextmanager
def switching_often() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)
