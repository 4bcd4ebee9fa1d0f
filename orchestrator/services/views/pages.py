"""Pages of lists."""

from typing import Any, TypeVar

from sqlalchemy import Select
from sqlmodel import Session

Table = TypeVar("Table")


def page(
    session: Session, statement: Select[Table], row_id: Any, limit: int, cursor: str | None
) -> tuple[list[Table], str | None]:
    """Return one page by id, which is in the order of creation, and the cursor of the next page.

    A cursor is the last id seen, so rows that come or go meanwhile neither repeat nor hide another.
    """
    if cursor is not None:
        statement = statement.where(row_id > cursor)
    rows = list(session.scalars(statement.order_by(row_id).limit(limit + 1)).all())
    more = len(rows) > limit
    return rows[:limit], _id_of(rows[limit - 1]) if more else None


def _id_of(row: Any) -> str:
    return str(row.id)
