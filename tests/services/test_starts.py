"""A start that is planned for a time happens then, a little later, or not at all: never at once, days later."""

from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from orchestrator.errors import Malformed, WrongState
from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.planning import creating as planning
from orchestrator.services.planning import rooms
from orchestrator.services.views import breakouts
from schemas.requests import BreakoutRequest, NewRoomRequest
from schemas.responses import BreakoutResponse
from schemas.states import BreakoutState, RoomState
from schemas.tables import Breakout, Room
from tests.services.hand import Hand
from tests.support.sandbox_server import JSON, SandboxServer

S = BreakoutState
GRACE = timedelta(seconds=900)
A_BIT = timedelta(seconds=5)


def test_a_start_waits_for_another_breakout_and_then_happens(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1)
    planned = _scheduled(hand)
    _pass_its_time(hand, planned, GRACE - A_BIT)
    assert _look(hand, planned).state is S.SCHEDULED
    _close(hand)
    begun = _look(hand, planned)
    assert (begun.state, begun.problems) == (S.OPENING, [])
    assert begun.scheduled_for
    assert begun.scheduled_for + GRACE - A_BIT <= (begun.starts_at or begun.scheduled_for)


def test_a_start_that_was_held_up_too_long_is_a_draft_and_drags_nobody_away(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1)
    planned = _scheduled(hand)
    _pass_its_time(hand, planned, GRACE + A_BIT)
    missed = _look(hand, planned)
    assert (missed.state, missed.starts_at, missed.scheduled_for) == (S.DRAFT, None, None)
    assert [(problem.what, "another breakout" in problem.detail) for problem in missed.problems] == [
        ("start missed", True)
    ]
    _close(hand)
    assert _look(hand, planned).state is S.DRAFT
    assert operations.start(hand.deps, planned)


def test_a_server_that_was_away_for_days_makes_nothing_for_a_start_that_is_past(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1)
    _close(hand)
    planned = _scheduled(hand)
    _pass_its_time(hand, planned, timedelta(days=3))
    missed = _look(hand, planned)
    assert (missed.state, [room.state for room in missed.rooms]) == (S.DRAFT, [RoomState.PLANNED])
    assert [problem.what for problem in missed.problems] == ["start missed"]


def test_rooms_that_were_prepared_for_a_missed_start_are_ready_for_a_start_by_hand(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1)
    planned = _scheduled(hand)
    operations.prepare(hand.deps, planned)
    hand.breakout_id, running = planned, hand.breakout_id
    hand.work(Breakout, Room)
    _pass_its_time(hand, planned, GRACE + A_BIT)
    missed = _look(hand, planned)
    assert (missed.state, [room.state for room in missed.rooms]) == (S.DRAFT, [RoomState.READY])
    hand.breakout_id = running
    _close(hand)
    operations.start(hand.deps, planned)
    assert _look(hand, planned).state is S.OPEN


def test_a_plan_whose_rooms_were_all_deleted_is_kept_and_says_what_it_needs(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1, start="manual")
    planned = _scheduled(hand)
    for breakout_id in (hand.breakout_id, planned):
        _delete_rooms(hand, breakout_id)
    for command in (operations.start, operations.prepare):
        with pytest.raises(Malformed, match="no rooms"):
            command(hand.deps, hand.breakout_id)
    assert _look(hand, hand.breakout_id).state is S.DRAFT
    _pass_its_time(hand, planned, A_BIT)
    missed = _look(hand, planned)
    assert (missed.state, missed.rooms) == (S.DRAFT, [])
    assert [(problem.what, "no rooms" in problem.detail) for problem in missed.problems] == [("start missed", True)]
    rooms.add_room(hand.deps, planned, NewRoomRequest(name="Blue"))
    assert operations.start(hand.deps, planned)


def test_a_plan_that_was_to_be_prepared_without_rooms_is_dealt_when_it_has_some(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    hand = Hand(*fresh, ["ana", "bo"], rooms=1)
    planned = _scheduled(hand, rooms=2, assignment={"deal": "at_start"})
    _delete_rooms(hand, planned)
    with hand.deps.database.transaction() as tx:
        row = tx.session.get_one(Breakout, planned)
        row.prepare_from = tx.now()
    assert _look(hand, planned).unassigned == ["ana", "bo"]
    rooms.add_room(hand.deps, planned, NewRoomRequest(name="Blue"))
    after = _look(hand, planned)
    assert ([len(room.participants) for room in after.rooms], after.problems) == ([2], [])


def test_a_running_breakout_stands_in_the_way_before_missing_rooms_do(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1)
    planned = _scheduled(hand)
    _delete_rooms(hand, planned)
    with pytest.raises(WrongState):
        operations.start(hand.deps, planned)


@pytest.mark.parametrize(
    ("assignment", "starts"),
    [
        ({"deal": "at_start"}, True),
        ({"deal": "at_start", "mode": "self_select"}, True),
        ({"deal": "now"}, False),
        ({"mode": "manual"}, False),
    ],
)
def test_a_plan_by_room_size_makes_its_rooms_anew_where_it_deals_at_the_start(
    fresh: tuple[Deps, SandboxServer], assignment: JSON, starts: bool
) -> None:
    hand = Hand(*fresh, ["ana", "bo"], room_size=1, assignment=assignment, start="manual")
    _delete_rooms(hand, hand.breakout_id)
    with nullcontext() if starts else pytest.raises(Malformed, match="no rooms"):
        operations.start(hand.deps, hand.breakout_id)
    assert bool(_look(hand, hand.breakout_id).rooms) == starts


def _delete_rooms(hand: Hand, breakout_id: str) -> None:
    for room in _look(hand, breakout_id).rooms:
        rooms.delete_room(hand.deps, breakout_id, room.id)


def _scheduled(hand: Hand, **settings: Any) -> str:
    body = {"rooms": 1, "start": "2031-01-01T00:00:00Z", **settings}
    return planning.create(hand.deps, hand.meeting_id, BreakoutRequest.model_validate(body))


def _pass_its_time(hand: Hand, breakout_id: str, ago: timedelta) -> None:
    """Let the time of its start be so long ago."""
    with hand.deps.database.transaction() as tx:
        at = tx.now() - ago
        values = {"starts_at": at, "scheduled_for": at, "prepare_from": at - timedelta(minutes=5), "due_at": at}
        tx.session.execute(update(Breakout).where(col(Breakout.id) == breakout_id).values(values))


def _look(hand: Hand, breakout_id: str) -> BreakoutResponse:
    """Run the task of this breakout, and read what has become of it."""
    with hand.deps.database.reading() as session:
        claim = session.get_one(Breakout, breakout_id).claim
    operations.step(hand.deps, breakout_id, claim)
    with hand.deps.database.reading() as session:
        return breakouts.breakout(session, breakout_id)


def _close(hand: Hand) -> None:
    operations.close(hand.deps, hand.breakout_id, 0)
    hand.pass_grace()
    hand.pass_grace()
