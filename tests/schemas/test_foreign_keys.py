"""What a row points to can be deleted soon, however many rows of the table there are."""

import pytest
from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint
from sqlmodel import SQLModel

import schemas.tables  # the tables are known once this is imported

FEW = {"fact.inbox_id"}
"""Columns that point to what is deleted one at a time, with its meeting."""

assert schemas.tables.Meeting.metadata is SQLModel.metadata
ALL = {str(key.parent): key for table in SQLModel.metadata.sorted_tables for key in table.foreign_keys}
KEYS = {name: ALL[name] for name in sorted(ALL.keys() - FEW)}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_rows_that_point_to_another_are_found_by_an_index(key: ForeignKey) -> None:
    """A database looks for them for each row that is deleted: without an index it reads the table as often."""
    assert key.parent in _leading(key.parent.table)


def _leading(table: Table) -> list[Column[object]]:
    """Return the first column of each index that has every row in which that column points to something."""
    found = [index.columns for index in table.indexes if _has_all(index)]
    found += [each.columns for each in table.constraints if isinstance(each, UniqueConstraint)]
    return [next(iter(columns)) for columns in (*found, table.primary_key.columns)]


def _has_all(index: Index) -> bool:
    condition = index.dialect_kwargs["sqlite_where"]
    return condition is None or str(condition) == f"{next(iter(index.columns)).name} IS NOT NULL"
