"""A poll asks about some meetings at a time. Each is polled in time, errors hide no answers, lateness is reported."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlmodel import col

from orchestrator.services.deps import Deps
from orchestrator.services.planning import rooms
from orchestrator.services.views import breakouts
from schemas.requests import NewRoomRequest
from schemas.states import SeatState
from schemas.tables import Breakout, Room
from tests.api.conftest import parts
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer

NAMES = ["ana", "bo", "cy", "di"]


@pytest.fixture
def hand(sqlite_url: str, broker_url: str, tmp_path: Path) -> Iterator[Hand]:
    """Four people in four rooms, and a quota in which a pass may poll three meetings."""
    quota = {"realtimekit_requests_per_5_minutes": 180, "sync_seconds": 10}
    urls = {"database_url": sqlite_url, "broker_url": broker_url}
    with SandboxServer() as sandbox, parts(sandbox, tmp_path, **urls, **quota) as deps:
        yield Hand(deps, sandbox, NAMES, rooms=4)


def test_all_meetings_are_polled_in_time_and_changed_ones_first(hand: Hand) -> None:
    for name, token in hand.tokens().items():
        if name != "di":
            hand.sandbox.join(token)
    hand.poll()
    hand.poll()
    assert _joined(hand) == {"ana", "bo", "cy"}
    hand.sandbox.join(hand.tokens()["di"])
    hand.poll()
    assert _joined(hand) == set(NAMES)


def test_one_failed_call_does_not_hide_the_answers_of_others(hand: Hand) -> None:
    for token in hand.tokens().values():
        hand.sandbox.join(token)
    for _ in range(4):
        hand.sandbox.faults({"operation": "get_session_participants", "kind": "error_before", "times": 1})
        hand.poll()
    assert len(_joined(hand)) >= 3


def test_people_beyond_a_page_are_seen_after_realtimekit_has_made_its_pages_smaller(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    names = [f"p{number}" for number in range(12)]
    hand = Hand(*fresh, names, rooms=1)
    *others, last = hand.tokens().values()
    for token in others:
        hand.sandbox.join(token)
    hand.poll()
    hand.sandbox.switches(most_per_page=10)
    hand.sandbox.join(last)
    hand.poll()
    assert len(_joined(hand)) == 12


def test_late_polls_are_reported_once(hand: Hand) -> None:
    hand.poll()
    assert _problems(hand) == []
    with hand.deps.database.transaction() as tx:
        opened = update(Breakout).where(col(Breakout.id) == hand.breakout_id)
        tx.session.execute(opened.values(opened_at=tx.now() - timedelta(seconds=90)))
        hand.forget_polls(tx)
    hand.poll()
    hand.poll()
    assert _problems(hand) == ["people seen late"]


def test_a_room_that_is_added_late_is_not_asked_late(hand: Hand) -> None:
    hand.poll()
    with hand.deps.database.transaction() as tx:
        opened = update(Breakout).where(col(Breakout.id) == hand.breakout_id)
        tx.session.execute(opened.values(opened_at=tx.now() - timedelta(seconds=90)))
    rooms.add_room(hand.deps, hand.breakout_id, NewRoomRequest(name="Extra"))
    hand.work(Room, Breakout)
    for _ in range(2):
        hand.poll()
    assert _problems(hand) == []


def _joined(hand: Hand) -> set[str]:
    return {name for name, state in hand.seats().items() if state is SeatState.JOINED}


def _problems(hand: Hand) -> list[str]:
    with hand.deps.database.reading() as session:
        return [problem.what for problem in breakouts.breakout(session, hand.breakout_id).problems]
