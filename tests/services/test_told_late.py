"""A server that was away when people should have been called home calls them late, and gives them the whole time."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from schemas.states import SeatState
from schemas.tables import Breakout, Room
from tests.services.hand import Hand, webhook
from tests.support.sandbox_server import SandboxServer


@pytest.fixture
def hand(fresh: tuple[Deps, SandboxServer]) -> Hand:
    """Open a breakout with Ana in its room."""
    hand = Hand(*fresh, ["ana"], rooms=1)
    hand.sandbox.join(hand.tokens()["ana"])
    hand.deliver(*(webhook("Joined", peer) for peer in hand.sandbox.state()["peers"]))
    hand.apply()
    return hand


def test_a_person_who_was_told_a_moment_ago_is_neither_put_out_nor_lost(hand: Hand) -> None:
    operations.close(hand.deps, hand.breakout_id, 60)
    _be_away_for(hand, timedelta(hours=1))
    hand.work(Breakout, Room)
    assert hand.seats() == {"ana": SeatState.RETURNING}
    assert _there(hand) == ["ana"]
    hand.pass_grace()
    assert _there(hand) == []
    assert hand.seats() == {"ana": SeatState.RETURNING}


def _be_away_for(hand: Hand, time: timedelta) -> None:
    """Let the breakout's times pass without anybody looking."""
    with hand.deps.database.transaction() as tx:
        mine = update(Breakout).where(col(Breakout.id) == hand.breakout_id)
        tx.session.execute(mine.values(empties_at=tx.now() - time, due_at=tx.now()))


def _there(hand: Hand) -> list[str]:
    (room,) = hand.places()
    return hand.sandbox.present(str(room))
