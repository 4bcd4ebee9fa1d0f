"""Who counts as present: a person with two tabs, one who comes back, not a recorder. And the host ends the meeting."""

from collections.abc import Sequence
from itertools import permutations

import pytest
from sqlalchemy import select
from sqlmodel import col

from orchestrator.errors import WrongState
from orchestrator.services.breakout import changes, operations
from orchestrator.services.deps import Deps
from orchestrator.services.views import breakouts
from schemas.requests import BreakoutChange
from schemas.responses import BreakoutResponse
from schemas.states import BreakoutState, CloseReason, SeatState
from schemas.tables import Fact
from tests.services.hand import Hand, webhook
from tests.support.sandbox_server import JSON, SandboxServer


@pytest.fixture
def hand(built: tuple[Deps, SandboxServer]) -> Hand:
    """Open a breakout with one recorded room, for Ana alone."""
    return Hand(*built, ["ana"], rooms=1, record=True, countdown_seconds=60)


def test_with_one_of_two_tabs_closed_a_person_is_still_there(hand: Hand) -> None:
    first, second = _peer(hand, "tab 1"), _peer(hand, "tab 2")
    _tell(hand, webhook("Joined", first), webhook("Joined", second), webhook("Left", first))
    assert hand.seats() == {"ana": SeatState.JOINED}
    _tell(hand, webhook("Left", second))
    assert hand.seats() == {"ana": SeatState.AWAY}


def test_a_fact_that_can_not_be_applied_is_given_up_after_a_few_tasks(hand: Hand) -> None:
    hand.deliver(*[webhook("Joined", _peer(hand, f"tab {number}")) for number in range(120)])
    facts = [fact.id for fact in _facts(hand)]
    with hand.deps.database.transaction() as tx:
        tx.session.get_one(Fact, facts[90]).payload = "no JSON at all"
    for _ in range(16):
        hand.apply()
    assert hand.seats() == {"ana": SeatState.JOINED}
    assert len(hand.there()) == 119
    assert all(fact.applied_at for fact in _facts(hand))


def test_who_leaves_and_comes_back_is_there_again(hand: Hand) -> None:
    _tell(hand, webhook("Joined", _peer(hand, "before")), webhook("Left", _peer(hand, "before")))
    assert hand.seats() == {"ana": SeatState.AWAY}
    _tell(hand, webhook("Joined", _peer(hand, "after")))
    assert hand.seats() == {"ana": SeatState.JOINED}
    assert hand.there() == {("ana", _peer(hand, "after")["peer_id"])}


def test_who_came_and_went_before_either_was_heard_of_has_been_there(hand: Hand) -> None:
    hand.deliver(webhook("Left", _peer(hand, "short")), webhook("Joined", _peer(hand, "short")))
    hand.apply()
    assert hand.seats() == {"ana": SeatState.AWAY}


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=lambda order: "".join(map(str, order)))
def test_a_connection_that_comes_again_is_there_in_whatever_order_it_is_told(hand: Hand, order: tuple[int]) -> None:
    before = _peer(hand, "one")
    again = before | {"joined_at": "2030-01-01T10:06:00Z", "left_at": "2030-01-01T10:09:00Z"}
    delivered = [webhook("Joined", before), webhook("Left", before), webhook("Joined", again)]
    _tell(hand, *(delivered[number] for number in order))
    assert hand.seats() == {"ana": SeatState.JOINED}
    _tell(hand, webhook("Left", again), *delivered)
    assert hand.seats() == {"ana": SeatState.AWAY}


def test_a_connection_is_known_in_each_place_by_itself(hand: Hand) -> None:
    in_main = _peer(hand, "one") | {"meeting_id": hand.parent()}
    _tell(hand, webhook("Joined", in_main), webhook("Left", in_main), webhook("Joined", _peer(hand, "one")))
    assert hand.seats() == {"ana": SeatState.JOINED}


def test_a_recorder_is_nobody(hand: Hand) -> None:
    _tell(hand, webhook("Joined", _peer(hand, "bot") | {"custom_participant_id": "recorder-1"}))
    found = _breakout(hand)
    assert hand.there() == set()
    assert hand.seats() == {"ana": SeatState.INVITED}
    assert found.progress.participants.total == 1
    assert found.progress.recordings.recording == 0
    assert found.unassigned == []


@pytest.mark.parametrize(
    ("reason", "ends"),
    [("HOST_ENDED_MEETING", True), ("ALL_PARTICIPANTS_LEFT", False)],
    ids=["host", "nobody left"],
)
def test_the_rooms_close_when_the_host_ends_the_meeting(hand: Hand, reason: str, ends: bool) -> None:
    _tell(hand, _ended(hand, reason))
    found = _breakout(hand)
    assert (found.state is BreakoutState.CLOSING) is ends
    assert found.close_reason == ("parent_ended" if ends else None)


def test_a_countdown_in_which_the_host_ends_the_meeting_can_not_be_called_off(hand: Hand) -> None:
    operations.close(hand.deps, hand.breakout_id, 60)
    before = _breakout(hand)
    _tell(hand, _ended(hand, "ALL_PARTICIPANTS_LEFT"))
    assert _breakout(hand).close_reason is CloseReason.API
    _tell(hand, _ended(hand, "HOST_ENDED_MEETING"))
    found = _breakout(hand)
    assert (found.close_reason, found.empties_at) == (CloseReason.PARENT_ENDED, before.empties_at)
    with pytest.raises(WrongState):
        changes.change(hand.deps, hand.breakout_id, BreakoutChange.model_validate({"closes_at": None}))


def test_a_parent_that_ended_before_the_start_or_a_room_that_ends_closes_nothing(hand: Hand) -> None:
    before, room = _ended(hand, "HOST_ENDED_MEETING"), _ended(hand, "HOST_ENDED_MEETING")
    before["meeting"]["endedAt"] = "2020-01-01T00:00:00Z"
    room["meeting"]["id"] = next(iter(hand.places()))
    _tell(hand, before, room)
    assert _breakout(hand).state is BreakoutState.OPEN


def _tell(hand: Hand, *events: JSON) -> None:
    for event in events:
        hand.deliver(event)
        hand.apply()


def _peer(hand: Hand, name: str) -> JSON:
    """Return a connection of Ana in her room, with times of joining and leaving."""
    times = {"joined_at": "2030-01-01T10:00:00Z", "left_at": "2030-01-01T10:05:00Z"}
    who = {"peer_id": f"{name} of {hand.meeting_id}"[:64], "custom_participant_id": "ana", "session_id": "s"}
    return {**times, **who, "meeting_id": next(iter(hand.places()))}


def _ended(hand: Hand, reason: str) -> JSON:
    return {"event": "meeting.ended", "meeting": {"id": hand.parent(), "sessionId": "s"}, "reason": reason}


def _breakout(hand: Hand) -> BreakoutResponse:
    with hand.deps.database.reading() as session:
        return breakouts.breakout(session, hand.breakout_id)


def _facts(hand: Hand) -> Sequence[Fact]:
    with hand.deps.database.reading() as session:
        mine = select(Fact).where(col(Fact.inbox_id) == hand.meeting_id)
        return session.scalars(mine.order_by(col(Fact.received_at), col(Fact.id))).all()
