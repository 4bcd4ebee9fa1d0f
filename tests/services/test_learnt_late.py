"""What is learnt late of people who were in a room is put right, whatever has ended meanwhile."""

import pytest
from sqlalchemy import update
from sqlmodel import col

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.planning import creating as planning
from orchestrator.services.views import breakouts
from orchestrator.store import due
from schemas.requests import BreakoutRequest
from schemas.states import BreakoutState
from schemas.tables import Breakout, Meeting, Room
from tests.services.browser import Browser
from tests.services.hand import Hand, webhook
from tests.support.sandbox_server import JSON, SandboxServer

A, B = "Room A", "Room B"


@pytest.fixture
def hand(fresh: tuple[Deps, SandboxServer]) -> Hand:
    """Open a breakout of two rooms. Ana and Bo belong in the first."""
    return Hand(*fresh, ["ana", "bo"], rooms=[{"name": A, "participants": ["ana", "bo"]}, {"name": B}])


@pytest.mark.parametrize("news", [["Joined"], ["Left"], ["Joined", "Left"], ["Left", "Joined"]], ids="+".join)
@pytest.mark.parametrize("when", ["while it closes", "when it has closed", "while another one runs"])
def test_who_was_in_a_room_has_returned_however_late_that_is_learnt(hand: Hand, news: list[str], when: str) -> None:
    peer = hand.sandbox.join(hand.tokens()["ana"])["peer_id"]
    hand.deliver({"event": "meeting.ended", "meeting": {"id": hand.parent()}, "reason": "HOST_ENDED_MEETING"})
    hand.apply()
    _come_to_empties_at(hand)
    hand.sandbox.leave(peer)
    assert set(hand.seats().values()) == {"never_joined"}
    if when != "while it closes":
        _end(hand)
    if when == "while another one runs":
        planning.create(hand.deps, hand.meeting_id, BreakoutRequest.model_validate({"rooms": 1, "start": "now"}))
    hand.deliver(*(webhook(what, _last_peer(hand)) for what in news))
    hand.apply()
    hand.work(Breakout)
    assert hand.seats() == {"ana": "returned", "bo": "never_joined"}


def test_who_is_in_a_room_while_another_has_no_token_for_them_is_awaited_when_the_breakout_closes(hand: Hand) -> None:
    ana = Browser(hand, "ana")
    ana.follow()
    ana.move(B)
    operations.close(hand.deps, hand.breakout_id, 0)
    assert hand.seats()["ana"] == "returning"
    ana.follow()
    assert hand.seats()["ana"] == "returned"


def test_who_has_not_gone_to_another_room_yet_is_awaited_when_the_breakout_closes(hand: Hand) -> None:
    ana = Browser(hand, "ana")
    ana.follow()
    ana.move(B)
    hand.work(Room)
    assert ana.room == B
    operations.close(hand.deps, hand.breakout_id, 0)
    assert hand.seats()["ana"] == "returning"
    ana.follow()
    assert hand.seats()["ana"] == "returned"


def test_who_was_given_up_as_lost_has_returned_when_they_are_seen_while_another_breakout_runs(hand: Hand) -> None:
    ana = Browser(hand, "ana")
    ana.follow()
    operations.close(hand.deps, hand.breakout_id, 0)
    _end(hand)
    ana.tell_if_put_out()
    assert hand.seats()["ana"] == "lost"
    planning.create(hand.deps, hand.meeting_id, BreakoutRequest.model_validate({"rooms": 1, "start": "now"}))
    ana.follow()
    hand.work(Breakout)
    assert hand.seats()["ana"] == "returned"


def test_late_news_and_the_end_of_the_grace_may_come_in_one_look(hand: Hand) -> None:
    peer = hand.sandbox.join(hand.tokens()["ana"])["peer_id"]
    operations.close(hand.deps, hand.breakout_id, 0)
    hand.sandbox.leave(peer)
    with hand.deps.database.transaction() as tx:
        due.dispatch(tx, Breakout, [hand.breakout_id])  # facts leave the look to a task that is under way
    hand.deliver(*(webhook(what, _last_peer(hand)) for what in ("Joined", "Left")))
    hand.apply()
    assert hand.seats()["ana"] == "never_joined"
    hand.pass_grace()
    assert hand.seats() == {"ana": "returned", "bo": "never_joined"}
    assert hand.rooms() == {"closed"}


def _come_to_empties_at(hand: Hand) -> None:
    with hand.deps.database.transaction() as tx:
        mine = update(Breakout).where(col(Breakout.id) == hand.breakout_id)
        tx.session.execute(mine.values(empties_at=tx.now(), due_at=tx.now()))
    hand.work(Breakout)


def _end(hand: Hand) -> None:
    """Let all the time pass that people have to come home."""
    hand.pass_grace()
    hand.pass_second_grace()
    hand.work(Meeting, Breakout)
    with hand.deps.database.reading() as session:
        assert breakouts.breakout(session, hand.breakout_id).state is BreakoutState.CLOSED


def _last_peer(hand: Hand) -> JSON:
    found: JSON = hand.sandbox.state()["peers"][-1]
    return found
