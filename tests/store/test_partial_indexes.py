"""Conditions of partial indexes, as queries name them, let SQLite use these indexes.

tests/services/test_long_history.py counts what PostgreSQL reads.
"""

from typing import Any

import pytest
from sqlalchemy import event, select

from orchestrator.services.views import progress
from orchestrator.store.queries import holds
from schemas.tables import (
    IS_AT_ONCE,
    IS_FORMER,
    IS_IN_LINE,
    IS_LIVE,
    IS_LOST,
    IS_OPEN_REQUEST,
    IS_RECORDED_NOW,
    IS_UNFINISHED,
    Breakout,
    Delivery,
    HelpRequest,
    Participant,
    Recording,
    Seat,
)
from tests.store.rows import Rows

CONDITIONS = [
    (Breakout, IS_LIVE),
    (Breakout, IS_UNFINISHED),
    (Delivery, IS_AT_ONCE),
    (Delivery, IS_IN_LINE),
    (HelpRequest, IS_OPEN_REQUEST),
    (Participant, IS_FORMER),
    (Recording, IS_RECORDED_NOW),
    (Seat, IS_LOST),
]


@pytest.mark.parametrize(("table", "condition"), CONDITIONS, ids=[f"{it[0].__name__} {it[1]}" for it in CONDITIONS])
def test_only_rows_of_the_index_are_read(sqlite_rows: Rows, table: Any, condition: str) -> None:
    mine = {index.name for index in table.__table__.indexes if str(index.dialect_kwargs["sqlite_where"]) == condition}
    with sqlite_rows.database.reading() as session:
        words = select(table.id).where(holds(table, condition)).compile(session.get_bind())
        steps = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {words}").all()
    assert [step.detail for step in steps if any(f" {name}" in step.detail for name in mine)], (mine, steps)


def test_what_flower_shows_is_found_without_reading_what_has_ended(sqlite_rows: Rows) -> None:
    sent: dict[str, Any] = {}
    with sqlite_rows.database.reading() as session:
        event.listen(session.connection(), "before_cursor_execute", lambda *it: sent.update({it[2]: it[3]}))
        progress.running(session)
        look = next(statement for statement in sent if "FROM breakout" in statement)
        steps = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {look}", sent[look]).all()
    reads = {step.detail.split(" INDEX ")[-1].split()[0] for step in steps if " breakout " in step.detail}
    assert reads == {"uq_breakout_live", "ix_breakout_closed_at"}
