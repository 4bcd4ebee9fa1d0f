"""Transactions that lock the same rows never wait in a circle, because PostgreSQL would end one of them."""

from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import select, text, update
from sqlmodel import col

from orchestrator.services.breakout import moving, operations
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import deleting
from orchestrator.services.planning import creating
from orchestrator.store import due
from orchestrator.store.queries import lock_meeting
from schemas.requests import BreakoutRequest
from schemas.tables import Breakout, Inbox, Room, Seat
from tests.api.conftest import parts
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import wait_until

WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")


def _close(hand: Hand) -> None:
    operations.close(hand.deps, hand.breakout_id, 0)


def _move(hand: Hand) -> None:
    moving.move_person(hand.deps, hand.breakout_id, "ana", None)


@pytest.mark.parametrize("change", [_close, _move])
def test_people_are_unseated_while_a_room_records_what_it_has_made(
    change: Callable[[Hand], None], postgres_url: str, broker_url: str, tmp_path: Path
) -> None:
    urls = {"database_url": postgres_url, "broker_url": broker_url}
    with SandboxServer() as sandbox, parts(sandbox, tmp_path, **urls) as deps:
        hand = Hand(deps, sandbox, ["ana"], rooms=1, start="manual")
        operations.start(deps, hand.breakout_id)
        hand.work(Breakout)
        with deps.database.transaction() as tx:
            rooms = tx.session.scalars(select(col(Room.id)).where(col(Room.breakout_id) == hand.breakout_id)).all()
            due.lock_rows(tx, Room, rooms)
            changing = Thread(target=change, args=(hand,))
            changing.start()
            wait_until(lambda: _waiting(deps) == 1)
            tx.session.execute(update(Seat).where(col(Seat.room_id).in_(rooms)).values(in_doubt=True))
        changing.join()
        with deps.database.reading() as session:
            assert session.scalars(select(col(Seat.state)).where(col(Seat.room_id).in_(rooms))).all() == [
                "never_joined"
            ]


def test_a_meeting_is_deleted_while_another_breakout_of_it_is_planned_and_changed(
    postgres_url: str, broker_url: str, tmp_path: Path
) -> None:
    urls = {"database_url": postgres_url, "broker_url": broker_url}
    with SandboxServer() as sandbox, parts(sandbox, tmp_path, **urls) as deps:
        hand = Hand(deps, sandbox, ["ana"], rooms=1, start="manual")
        deletion = Thread(target=deleting.delete_meeting, args=(deps, hand.meeting_id))
        with deps.database.transaction() as changing:
            with deps.database.transaction() as inbox:
                inbox.session.execute(select(Inbox).where(col(Inbox.id) == hand.meeting_id).with_for_update())
                deletion.start()
                wait_until(lambda: _waiting(deps) == 1)
                another = creating.create(deps, hand.meeting_id, BreakoutRequest(rooms=1))
                changing.session.execute(select(Breakout).where(col(Breakout.id) == another).with_for_update())
            wait_until(lambda: _waiting(deps) == 1)
            lock_meeting(changing, hand.meeting_id)
        deletion.join()
        with deps.database.reading() as session:
            assert session.scalars(select(Breakout)).all() == []


def _waiting(deps: Deps) -> int:
    with deps.database.reading() as session:
        return int(session.scalar(WAITING) or 0)
