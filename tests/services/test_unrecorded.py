"""A pass whose process ends after its calls and before their record: what it has made is found, and not made again.

A room's meeting and its people are recorded together, so the people may be in a meeting of which no row knows yet.
"""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.services.breakout import moving, operations
from orchestrator.services.deps import Deps
from orchestrator.services.rooms import opening
from schemas.states import RoomState, SeatState
from schemas.tables import Breakout, Room
from tests.services.hand import Hand
from tests.services.test_departures import finish_leftovers, remove
from tests.support.sandbox_server import SandboxServer

ANA, BO = "ana", "bo"
ZOE = "zoe-4711@example.com"


class Died(BaseException):
    """The end of a process, as far as a room is concerned."""


@pytest.fixture
def hand(fresh: tuple[Deps, SandboxServer], monkeypatch: pytest.MonkeyPatch) -> Hand:
    """Open a room whose worker dies when it has made the meeting and added everybody."""
    hand = Hand(*fresh, [ANA, BO, ZOE], rooms=1, start="manual")
    hand.sandbox.forget_calls()
    operations.start(hand.deps, hand.breakout_id)
    hand.work(Breakout)

    def dies(*_: Any) -> Any:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(opening, "record_all", dies)
        with pytest.raises(Died):
            hand.work(Room)
    with hand.deps.database.transaction() as tx:  # as a timekeeper does when the lease has ended
        tx.session.execute(update(Room).where(col(Room.breakout_id) == hand.breakout_id).values(holder=None))
    assert (hand.places(), [*hand.sandbox.records(_made(hand))]) == ({None}, [ANA, BO, ZOE])
    return hand


def test_the_next_pass_takes_over_what_was_made(hand: Hand) -> None:
    hand.work(Room)
    assert (hand.places(), hand.rooms(), set(hand.seats().values())) == (
        {_made(hand)},
        {RoomState.OPEN},
        {SeatState.INVITED},
    )
    counts = hand.sandbox.calls()["counts"]
    assert (counts["create_meeting"], counts["add_participant"]) == (1, 3)


def test_who_was_removed_meanwhile_is_not_left_there(hand: Hand) -> None:
    remove(hand, ZOE, erase=True)
    finish_leftovers(hand)
    hand.work(Room)
    assert [*hand.sandbox.records(_made(hand))] == [ANA, BO]


def test_who_is_taken_out_and_put_back_is_admitted_anew(hand: Hand) -> None:
    with hand.deps.database.reading() as session:
        room_id = session.scalar(select(col(Room.id)).where(col(Room.breakout_id) == hand.breakout_id))
    moving.move_person(hand.deps, hand.breakout_id, ZOE, None)
    hand.work(Room)
    moving.move_person(hand.deps, hand.breakout_id, ZOE, room_id)
    hand.work(Room)
    assert hand.seats() == dict.fromkeys((ANA, BO, ZOE), SeatState.INVITED)
    assert hand.tokens()[ZOE]


def test_nobody_is_left_in_it_when_the_room_is_closed_first(hand: Hand) -> None:
    made = _made(hand)
    operations.close(hand.deps, hand.breakout_id, 0)
    hand.work(Breakout)
    with hand.deps.database.transaction() as tx:  # the search settles
        ago = tx.now() - timedelta(minutes=1)
        mine = update(Room).where(col(Room.breakout_id) == hand.breakout_id)
        tx.session.execute(mine.values(in_doubt_since=ago, first_in_doubt_at=ago))
    hand.work(Room)
    assert hand.rooms() == {RoomState.CLOSED}
    assert hand.sandbox.records(made) == {}
    assert [it["status"] for it in hand.sandbox.state()["meetings"] if it["id"] == made] == ["INACTIVE"]


def _made(hand: Hand) -> str:
    """Return the id of the only meeting that was made for a room."""
    (meeting,) = (it for it in hand.sandbox.state()["meetings"] if " · " in it["title"])
    return str(meeting["id"])
