"""Second names of tables in statements."""

from typing import TypeVar

from sqlalchemy import inspect
from sqlalchemy.orm import aliased
from sqlmodel import SQLModel

Table = TypeVar("Table", bound=SQLModel)


def shared_alias(table: type[Table]) -> type[Table]:
    """Return an alias that several threads may use from the first moment on.

    SQLAlchemy makes each column of an alias when it is first used. Threads that do so at the same time get columns of
    the table itself, or of nothing, and may keep them: such statements join whatever rows there are (measured, with
    SQLAlchemy 2.1.9). So all columns are made here.
    """
    made = aliased(table)
    for column in inspect(table).column_attrs:
        _ = getattr(made, column.key).expression
    return made
