"""Telling endpoints that the log of a breakout has grown. Nobody who writes the log waits for this."""

from sqlalchemy import select
from sqlmodel import col

from orchestrator.domain.wording import count
from orchestrator.services.deps import Deps
from orchestrator.services.result import NOTHING_TO_DO, Result
from orchestrator.store import due
from orchestrator.store.database import Transaction, insert_into
from orchestrator.store.endpoints import hears_of
from schemas.tables import Breakout, Endpoint, EndpointCursor, Outbox


def spread(deps: Deps, row_id: str, claim: int) -> Result:
    """Let every endpoint that hears of a breakout go on with its log. This is the task of an outbox.

    The outbox is taken last, because who writes the log waits for it, and must not wait for a lock of an endpoint. What
    is written meanwhile is heard: nobody reads on for these endpoints before this transaction has ended.
    """
    with deps.database.transaction() as tx:
        if tx.session.scalar(select(col(Outbox.claim)).where(col(Outbox.id) == row_id)) != claim:
            return NOTHING_TO_DO
        meeting_id = tx.session.scalar(select(col(Breakout.meeting_id)).where(col(Breakout.id) == row_id))
        found = list(tx.session.scalars(select(col(Endpoint.id)).where(hears_of(meeting_id or ""))))
        if found:
            due.want(tx, Endpoint, found)  # locks the endpoints, and a pass over one locks it before its cursors
            if not _is_there(tx, row_id):
                return NOTHING_TO_DO
            _make_ready(tx, row_id, found)
        due.take(tx, Outbox, row_id, claim)
    return Result(f"told {count(len(found), 'endpoint')}")


def _is_there(tx: Transaction, breakout_id: str) -> bool:
    """Return whether a breakout was not deleted with its meeting meanwhile. It then stays until the end."""
    statement = select(col(Breakout.id)).where(col(Breakout.id) == breakout_id)
    return tx.session.scalar(statement.with_for_update(read=True, key_share=True)) is not None


def _make_ready(tx: Transaction, breakout_id: str, endpoint_ids: list[str]) -> None:
    now = tx.now()
    rows = [{"endpoint_id": endpoint_id, "breakout_id": breakout_id, "ready_at": now} for endpoint_id in endpoint_ids]
    statement = insert_into(tx.session, EndpointCursor).values(rows)
    statement = statement.on_conflict_do_update(
        index_elements=["endpoint_id", "breakout_id"], set_={"ready_at": statement.excluded.ready_at}
    )
    tx.session.execute(statement)
