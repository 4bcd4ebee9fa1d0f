"""A wish that changes while it is being fulfilled: names, rooms that fail, rooms that could not be opened."""

from datetime import timedelta

from sqlalchemy import update
from sqlmodel import col

from orchestrator.services.breakout import changes, operations, room_changes
from orchestrator.services.deps import Deps
from orchestrator.services.views import breakouts
from schemas.requests import BreakoutChange, RoomChange
from schemas.responses import BreakoutResponse
from schemas.states import RoomState
from schemas.tables import Room
from tests.services.browser import Browser, pass_deadlines, rooms
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer

A, B = "Room A", "Room B"
NAMED = [{"name": A, "participants": ["ana"]}, {"name": B}]
CREATE, UPDATE = "create_meeting", "update_meeting_by_id"


def test_a_name_that_was_taken_back_before_its_call_was_answered_is_taken_back_at_realtimekit(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    hand = Hand(*fresh, ["ana"], rooms=NAMED)
    hand.sandbox.faults({"operation": UPDATE, "kind": "error_after"})
    for name in ("Wrong", A):
        room_changes.change_room(
            hand.deps, hand.breakout_id, rooms(hand).get(A) or rooms(hand)["Wrong"], RoomChange(name=name)
        )
        hand.work(Room)
    titles = [meeting["title"] for meeting in hand.sandbox.state()["meetings"]]
    assert any(A in title for title in titles)
    assert not any("Wrong" in title for title in titles)


def test_a_person_who_was_to_move_to_a_room_that_fails_stays_where_they_are(fresh: tuple[Deps, SandboxServer]) -> None:
    fresh[1].faults({"operation": CREATE, "kind": "rate_limited", "match": B})
    hand = Hand(*fresh, ["ana"], rooms=NAMED, on_room_failure="keep")
    ana = Browser(hand, "ana")
    ana.follow()
    assert [room.state for room in _see(hand).rooms] == [RoomState.OPEN, RoomState.PREPARING]
    ana.move(B)
    hand.sandbox.faults({"operation": CREATE, "kind": "refuse", "match": B, "times": None})
    hand.work(Room)
    assert [room.state for room in _see(hand).rooms] == [RoomState.OPEN, RoomState.FAILED]
    pass_deadlines(hand)
    hand.work(Room)
    assert (ana.room, hand.seats()["ana"], ana.kicks) == (A, "joined", 0)


def test_a_room_that_could_not_be_opened_for_an_hour_is_not_given_up_by_its_first_failure_to_close(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    hand = Hand(*fresh, ["ana"], rooms=NAMED)
    with hand.deps.database.transaction() as tx:
        long_ago = tx.now() - timedelta(hours=1)
        failing = {"tries": 50, "failures": 50, "trying_since": long_ago, "failing_since": long_ago}
        tx.session.execute(update(Room).where(col(Room.breakout_id) == hand.breakout_id).values(failing))
    operations.close(hand.deps, hand.breakout_id, 0)
    hand.sandbox.faults({"operation": UPDATE, "kind": "error_before", "times": None})
    hand.work(Room)
    found = _see(hand)
    assert ([room.state for room in found.rooms], found.problems) == ([RoomState.OPEN, RoomState.CLOSING], [])
    hand.sandbox.faults()
    hand.pass_grace()
    assert {room.state for room in _see(hand).rooms} == {RoomState.CLOSED}


def test_a_timer_that_is_paused_ends_when_the_breakout_is_closed(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=NAMED, duration_seconds=600)
    changes.change(hand.deps, hand.breakout_id, BreakoutChange(paused=True))
    operations.close(hand.deps, hand.breakout_id, 60)
    found = _see(hand)
    assert (found.paused, found.remaining_seconds) == (False, None)
    assert found.closes_at
    assert found.closes_at + timedelta(seconds=60) == found.empties_at


def _see(hand: Hand) -> BreakoutResponse:
    with hand.deps.database.reading() as session:
        return breakouts.breakout(session, hand.breakout_id)
