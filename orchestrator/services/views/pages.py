"""Pages of lists."""

from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Select
from sqlmodel import Session

Table = TypeVar("Table")


@dataclass(frozen=True)
class Asked:
    """Which page of a list is asked for."""

    limit: int
    cursor: str | None = None
    """The last id seen; None: from the beginning."""
    newest_first: bool = False


def page(session: Session, statement: Select[Table], row_id: Any, asked: Asked) -> tuple[list[Table], str | None]:
    """Return one page by id, which is in the order of creation, and the cursor of the next page.

    A cursor is the last id seen, so rows that come or go meanwhile neither repeat nor hide another.
    """
    if asked.cursor is not None:
        statement = statement.where(row_id < asked.cursor if asked.newest_first else row_id > asked.cursor)
    statement = statement.order_by(row_id.desc() if asked.newest_first else row_id)
    rows = list(session.scalars(statement.limit(asked.limit + 1)).all())
    more = len(rows) > asked.limit
    return rows[: asked.limit], _id_of(rows[asked.limit - 1]) if more else None


def _id_of(row: Any) -> str:
    return str(row.id)
