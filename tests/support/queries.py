"""Counting the statements that are sent to a database."""

from collections.abc import Callable

from sqlalchemy import event

from orchestrator.store.database import Database


def count_queries(database: Database, work: Callable[[], object]) -> int:
    """Return how many statements anybody sends to this database during the work."""
    sent: list[str] = []

    def note(_c: object, _x: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    return len(sent)
