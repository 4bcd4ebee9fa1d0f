"""A poll is made once in every live room with people, and never twice, whatever becomes of the calls."""

from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.errors import UserError
from orchestrator.services.breakout import operations, polls
from orchestrator.services.deps import Deps
from schemas.requests import PollRequest
from schemas.tables import Room, RoomPoll
from tests.api.server import UNKNOWN_ID
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer

NAMES = ("ana", "bo", "cy")
ROOMS = [{"name": name.title(), "participants": [name]} for name in NAMES]


@pytest.fixture
def hand(fresh: tuple[Deps, SandboxServer]) -> Hand:
    """Open three rooms, two of which have people."""
    hand = Hand(*fresh, NAMES, rooms=ROOMS, assignment={"mode": "manual"})
    for name in NAMES[:2]:
        hand.sandbox.join(hand.tokens()[name])
    hand.poll()
    hand.work(Room)
    return hand


def ask(hand: Hand, question: str, **more: Any) -> None:
    polls.ask(hand.deps, hand.breakout_id, PollRequest(question=question, options=["yes", "no"], **more))


def asked(hand: Hand) -> list[str]:
    """Return what was asked, in each live session."""
    return sorted(poll["question"] for one in hand.sandbox.state()["sessions"] for poll in one["polls"])


def kept(hand: Hand) -> list[str]:
    """Return the questions that are stored, because they are still to be asked."""
    with hand.deps.database.reading() as session:
        mine = select(col(RoomPoll.question)).join(Room, col(Room.id) == col(RoomPoll.room_id))
        return list(session.scalars(mine.where(col(Room.breakout_id) == hand.breakout_id)))


def room_ids(hand: Hand) -> list[str]:
    with hand.deps.database.reading() as session:
        mine = select(col(Room.id)).where(col(Room.breakout_id) == hand.breakout_id)
        return list(session.scalars(mine.order_by(col(Room.index))))


def test_every_live_room_with_people_is_asked_once(hand: Hand) -> None:
    ask(hand, "all")
    ask(hand, "first", room_ids=room_ids(hand)[:1], anonymous=True, hide_votes=True)
    ask(hand, "empty", room_ids=room_ids(hand)[2:])
    hand.work(Room, Room)
    assert asked(hand) == ["all", "all", "first"]
    (first,) = (poll for one in hand.sandbox.state()["sessions"] for poll in one["polls"] if poll["anonymous"])
    assert (first["hide_votes"], [option["text"] for option in first["options"]]) == (True, ["yes", "no"])
    assert (hand.problems(), kept(hand)) == ([], [])
    with pytest.raises(UserError) as refused:
        ask(hand, "nowhere", room_ids=[UNKNOWN_ID])
    assert refused.value.status == 422
    operations.close(hand.deps, hand.breakout_id, 0)
    with pytest.raises(UserError) as late:
        ask(hand, "late")
    assert late.value.status == 409


@pytest.mark.parametrize(
    ("kind", "made", "problems"),
    [
        ("refuse", 0, ["poll refused"]),
        ("error_after", 1, ["poll uncertain"]),
        ("error_before", 0, ["poll uncertain"]),
    ],
)
def test_no_poll_is_made_twice(hand: Hand, kind: str, made: int, problems: list[str]) -> None:
    hand.sandbox.faults({"operation": "create_poll", "kind": kind})
    ask(hand, "once", room_ids=room_ids(hand)[:1])
    for _ in range(3):
        hand.work(Room)
    assert (asked(hand), hand.problems()) == (["once"] * made, problems)


def test_a_poll_that_a_pass_may_have_made_before_it_died_is_not_made_again(hand: Hand) -> None:
    ask(hand, "once", room_ids=room_ids(hand)[:1])
    with hand.deps.database.transaction() as tx:
        tx.session.execute(update(RoomPoll).values(is_asked=True))
    hand.work(Room)
    ask(hand, "another", room_ids=room_ids(hand)[:1])
    hand.work(Room)
    assert (asked(hand), kept(hand), hand.problems()) == (["another"], [], ["poll uncertain"])
