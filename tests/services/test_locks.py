"""Transactions that lock the same rows never wait in a circle, because PostgreSQL would end one of them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlmodel import col

from orchestrator.services.breakout import moving, operations
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.dealing import deal_on_request
from orchestrator.services.breakout.locked import locked, taken
from orchestrator.services.breakout.seating import take_seats_away
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import deleting, main_tokens, removing
from orchestrator.services.passes.admission import Guest
from orchestrator.services.planning import creating
from orchestrator.services.webhooks import endpoints
from orchestrator.store import due
from orchestrator.store.queries import lock_meeting
from schemas.requests import BreakoutRequest, EndpointRequest
from schemas.tables import Breakout, Endpoint, Inbox, Recording, Room, Seat, Solve
from tests.api.conftest import parts
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import wait_until

Locking = Callable[[Hand], AbstractContextManager[LockedBreakout | None]]
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


def test_a_breakout_is_planned_while_a_pass_reads_its_meeting(
    postgres_url: str, broker_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = {"database_url": postgres_url, "broker_url": broker_url}
    with SandboxServer() as sandbox, parts(sandbox, tmp_path, **urls) as deps:
        hand = Hand(deps, sandbox, ["ana"], rooms=1, start="manual")
        planned, guests = [], main_tokens.guests

        def read(*about: Any) -> list[Guest]:
            planned.append(creating.create(deps, hand.meeting_id, BreakoutRequest(rooms=1)))
            return guests(*about)

        monkeypatch.setattr(main_tokens, "guests", read)
        hand.poll()
    assert len(planned) == 1


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


@pytest.mark.parametrize("table", [Room, Recording, Solve])
def test_a_meeting_is_deleted_while_a_pass_writes_its_row_twice(
    table: type[Room | Recording | Solve], postgres_url: str, broker_url: str, tmp_path: Path
) -> None:
    urls = {"database_url": postgres_url, "broker_url": broker_url}
    with SandboxServer() as sandbox, parts(sandbox, tmp_path, **urls) as deps, ThreadPoolExecutor() as pool:
        hand = Hand(deps, sandbox, ["ana"], rooms=1, start="manual")
        with deps.database.transaction() as tx:
            (room_id,) = tx.session.scalars(select(col(Room.id)))
            tx.session.add(Recording(breakout_id=hand.breakout_id, room_id=room_id, created_at=tx.now()))
            tx.session.add(Solve(id=hand.breakout_id))
        with deps.database.transaction() as passing:
            passing.session.execute(update(table).values(tries=1))
            deletion = pool.submit(deleting.delete_meeting, deps, hand.meeting_id)
            wait_until(lambda: _waiting(deps) == 1)
            passing.session.execute(update(table).values(tries=2))
        deletion.result()
        with deps.database.reading() as session:
            assert session.scalars(select(table)).all() == []


def test_a_meeting_is_deleted_while_an_endpoint_of_it_is_made_and_told(
    postgres_url: str, broker_url: str, tmp_path: Path
) -> None:
    urls = {"database_url": postgres_url, "broker_url": broker_url}
    with SandboxServer() as sandbox, parts(sandbox, tmp_path, **urls) as deps, ThreadPoolExecutor() as pool:
        hand = Hand(deps, sandbox, ["ana"], rooms=1, start="manual")
        with deps.database.transaction() as telling:
            with deps.database.transaction() as inbox:
                inbox.session.execute(select(Inbox).where(col(Inbox.id) == hand.meeting_id).with_for_update())
                deletion = pool.submit(deleting.delete_meeting, deps, hand.meeting_id)
                wait_until(lambda: _waiting(deps) == 1)
                asked = {"url": "https://app.example/hooks", "meeting_id": hand.meeting_id}
                endpoint = endpoints.create(deps, EndpointRequest.model_validate(asked)).endpoint_id
                due.want(telling, Endpoint, [endpoint])
            wait_until(lambda: _waiting(deps) == 1)
            telling.session.execute(select(Breakout).with_for_update(read=True, key_share=True))
        deletion.result()
        with deps.database.reading() as session:
            assert session.scalars(select(Endpoint)).all() == []


def test_somebody_leaves_for_good_while_a_plan_is_dealt_with_them(
    postgres_url: str, broker_url: str, tmp_path: Path
) -> None:
    urls = {"database_url": postgres_url, "broker_url": broker_url}
    with SandboxServer() as sandbox, parts(sandbox, tmp_path, **urls) as deps, ThreadPoolExecutor() as pool:
        hand = Hand(deps, sandbox, ["ana", "bo"], rooms=1, start="manual")
        with locked(deps, hand.breakout_id) as b:
            b.lock_rooms()
            take_seats_away(b, list(hand.ids().values()))
            deal_on_request(b)
            leaving = pool.submit(removing.remove, deps, hand.meeting_id, "ana", erase=True)
            wait_until(lambda: _waiting(deps) == 1 or "ana" not in hand.ids())
            b.change_by_operator(["rooms"])
        leaving.result()
        assert hand.seats().keys() == {"bo"}


def _take(hand: Hand) -> AbstractContextManager[LockedBreakout | None]:
    """Lock as the task does whose message was sent at the start."""
    with hand.deps.database.reading() as session:
        return taken(hand.deps, hand.breakout_id, session.get_one(Breakout, hand.breakout_id).claim)


@pytest.mark.parametrize("changes", [True, False], ids=["changed by whom it waited for", "not changed"])
@pytest.mark.parametrize("lock", [lambda hand: locked(hand.deps, hand.breakout_id), _take], ids=["locked", "taken"])
def test_the_time_of_a_lock_is_after_the_wait_for_it(
    lock: Locking, *, changes: bool, postgres_url: str, broker_url: str, tmp_path: Path
) -> None:
    def note() -> datetime:
        with lock(hand) as b:
            assert b is not None
            return b.now

    urls = {"database_url": postgres_url, "broker_url": broker_url}
    with SandboxServer() as sandbox, parts(sandbox, tmp_path, **urls) as deps, ThreadPoolExecutor() as pool:
        hand = Hand(deps, sandbox, ["ana"], rooms=1, start="manual")
        with deps.database.transaction() as tx:
            due.lock_rows(tx, Breakout, [hand.breakout_id])
            if changes:
                tx.session.execute(update(Breakout).values(tries=7))
            noted = pool.submit(note)
            wait_until(lambda: _waiting(deps) == 1)
            before = tx.now()
        assert noted.result() > before


def _waiting(deps: Deps) -> int:
    with deps.database.reading() as session:
        return int(session.scalar(WAITING) or 0)
