"""Meetings that somebody else has closed at RealtimeKit: a room's is mended, the main meeting's is reported."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.services.breakout import operations, retrying
from orchestrator.services.deps import Deps
from orchestrator.services.planning import changing
from orchestrator.store.database import database_now
from schemas.requests import BreakoutChange
from schemas.states import BreakoutState, Location, RoomState, SeatState
from schemas.tables import Breakout, Meeting, Room
from tests.services.hand import Hand, webhook
from tests.services.series import Rounds
from tests.support.sandbox_server import SandboxServer

INACTIVE = {"status": "INACTIVE"}


@pytest.fixture
def hand(fresh: tuple[Deps, SandboxServer]) -> Hand:
    """Open a breakout with Ana and Bo in a room each."""
    return Hand(*fresh, ["ana", "bo"], rooms=2)


def test_the_closed_meeting_of_a_prepared_room_is_open_again_before_the_start(draft: Hand) -> None:
    _close(draft, *draft.places())
    _look(draft)
    draft.work(Room)
    assert draft.problems() == ["room mended"] * 2
    operations.start(draft.deps, draft.breakout_id)
    draft.work(Breakout)
    for name in ("ana", "bo"):
        draft.sandbox.join(str(draft.look(name).auth_token))


def test_a_meeting_that_was_closed_right_before_a_start_is_open_again_right_after_it(draft: Hand) -> None:
    _close(draft, *draft.places())
    operations.start(draft.deps, draft.breakout_id)
    draft.work(Breakout)
    told = draft.look("ana")
    _look(draft)
    draft.work(Room)
    again = draft.look("ana")
    assert again.auth_token == told.auth_token
    assert again.version > told.version
    draft.sandbox.join(str(again.auth_token))


def test_a_prepared_room_whose_meeting_stays_closed_gets_another_one_before_people_are_sent(draft: Hand) -> None:
    before = draft.places()
    _close(draft, *before)
    draft.sandbox.faults({"operation": "update_meeting_by_id", "kind": "refuse", "times": None})
    _look(draft)
    draft.work(Room, Room)
    assert not draft.places() & before
    draft.sandbox.faults()
    operations.start(draft.deps, draft.breakout_id)
    draft.work(Breakout)
    for name in ("ana", "bo"):
        draft.sandbox.join(str(draft.look(name).auth_token))


def test_a_prepared_room_that_can_not_be_mended_fails_at_the_start_and_its_people_go_elsewhere(draft: Hand) -> None:
    (red, blue) = _rooms(draft)
    _close(draft, red.realtimekit_meeting_id)
    draft.sandbox.faults(
        {"operation": "update_meeting_by_id", "kind": "refuse", "times": None},
        {"operation": "create_meeting", "kind": "refuse", "times": None},
    )
    _look(draft)
    draft.work(Room, Room)
    assert draft.problems() == ["room mended", "RealtimeKit refused"]
    operations.start(draft.deps, draft.breakout_id)
    draft.work(Breakout, Room, Room, Breakout)
    assert [room.state for room in _rooms(draft)] == [RoomState.FAILED, RoomState.OPEN]
    assert {draft.look(name).room_id for name in ("ana", "bo")} == {blue.id}


def test_an_open_room_whose_meeting_lives_is_not_changed_by_a_retry(hand: Hand) -> None:
    before, places = hand.look("ana"), hand.places()
    assert before.room_id
    retrying.retry_room(hand.deps, hand.breakout_id, before.room_id)
    hand.work(Room)
    assert (hand.look("ana"), hand.places(), hand.problems()) == (before, places, [])


def test_an_open_room_whose_meeting_was_closed_is_open_again_after_a_retry(hand: Hand) -> None:
    before = hand.look("ana")
    assert before.room_id
    _close(hand, before.realtimekit_meeting_id)
    retrying.retry_room(hand.deps, hand.breakout_id, before.room_id)
    hand.work(Room)
    after = hand.look("ana")
    assert after == before.model_copy(update={"version": before.version + 1})
    hand.sandbox.join(str(after.auth_token))


@pytest.mark.parametrize("is_retried", [True, False])
def test_an_open_room_whose_meeting_is_gone_gets_another_one_and_keeps_its_people(hand: Hand, is_retried: bool) -> None:
    """Without a retry the room finds out when it asks for a token."""
    hand.work(Meeting)
    before = hand.look("ana")
    peer = hand.sandbox.join(str(before.auth_token))
    hand.deliver(webhook("Joined", {**peer, "custom_participant_id": "ana", "joined_at": "2026-01-01T00:00:00Z"}))
    hand.apply()
    assert before.room_id
    gone = {"kind": "refuse", "status": 404, "match": before.realtimekit_meeting_id, "times": None}
    hand.sandbox.faults({"operation": "*", **gone})
    if is_retried:
        retrying.retry_room(hand.deps, hand.breakout_id, before.room_id)
        hand.work(Room)
    else:
        hand.age_tokens(ended=False)
        hand.work(Room, Room)
    assert hand.look("ana").location is Location.MAIN
    assert {room.id: room.state for room in _rooms(hand)}[before.room_id] is RoomState.PREPARING
    hand.work(Room)
    after = hand.look("ana")
    assert (after.room_id, after.location) == (before.room_id, Location.ROOM)
    assert after.realtimekit_meeting_id != before.realtimekit_meeting_id
    assert hand.seats()["ana"] is SeatState.AWAY
    assert {room.state for room in _rooms(hand)} == {RoomState.OPEN}
    hand.sandbox.join(str(after.auth_token))


def test_a_main_meeting_that_is_closed_under_an_open_breakout_is_reported_once_in_each_spell(hand: Hand) -> None:
    for status in ("INACTIVE", "INACTIVE", "ACTIVE", "INACTIVE"):
        hand.sandbox.rest("PATCH", f"/meetings/{hand.parent()}", {"status": status})
        _look(hand)
    assert hand.problems() == ["parent inactive"] * 2


def test_a_scheduled_start_that_finds_the_main_meeting_closed_is_a_draft_again(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1, start="2199-01-01T00:00:00Z")
    _close(hand, hand.parent())
    with hand.deps.database.transaction() as tx:
        soon = tx.now() + timedelta(seconds=4)
        mine = update(Breakout).where(col(Breakout.id) == hand.breakout_id)
        tx.session.execute(mine.values(starts_at=soon, scheduled_for=soon))
    _look(hand)
    with hand.deps.database.transaction() as tx:
        tx.session.execute(mine.values(starts_at=tx.now(), due_at=tx.now()))
    hand.work(Breakout)
    with hand.deps.database.reading() as session:
        assert session.get_one(Breakout, hand.breakout_id).state is BreakoutState.DRAFT
    assert hand.problems() == ["parent inactive"]


@pytest.mark.parametrize(("seconds", "is_looked_for"), [(4, True), (6, False)])
def test_a_start_too_near_for_a_look_before_it_is_looked_for_when_it_is_planned(
    fresh: tuple[Deps, SandboxServer], seconds: int, is_looked_for: bool
) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1, start="manual")
    _close(hand, hand.parent())
    with hand.deps.database.reading() as session:
        start = database_now(session) + timedelta(seconds=seconds)
    changing.change(hand.deps, hand.breakout_id, BreakoutChange.model_validate({"start": start.isoformat()}))
    hand.work(Meeting)
    with hand.deps.database.reading() as session:
        assert (session.get_one(Meeting, hand.meeting_id).inactive_since is not None) is is_looked_for


def test_a_round_is_not_started_in_a_main_meeting_that_was_closed_during_the_one_before(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    series = Rounds(fresh)
    series.open(1)
    _close(series.hand, series.hand.parent())
    operations.close(series.hand.deps, series.ids[0], 0)
    series.work(1, Breakout, Meeting)
    series.close(1)
    series.work(2, Breakout)
    assert series.states() == [BreakoutState.CLOSED, BreakoutState.DRAFT, BreakoutState.DRAFT]
    assert [problem.what for problem in series.shown(2).problems] == ["parent inactive"]


def test_looks_are_planned_before_a_scheduled_start_and_while_a_breakout_is_live(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1, start="2199-01-01T00:00:00Z")
    with hand.deps.database.reading() as session:
        looks_at = session.get_one(Meeting, hand.meeting_id).look_at
    assert looks_at is not None
    assert looks_at.isoformat() == "2198-12-31T23:59:15+00:00"
    operations.start(hand.deps, hand.breakout_id)
    hand.work(Breakout, Meeting)
    _look(hand)
    with hand.deps.database.transaction() as tx:
        row = tx.session.get_one(Meeting, hand.meeting_id)
        assert row.look_at is not None
        assert row.look_at <= tx.now() + timedelta(minutes=1)


def test_a_start_that_makes_its_rooms_looks_at_them_only_later(draft: Hand, fresh: tuple[Deps, SandboxServer]) -> None:
    """They have just been made, and the request has asked for the main meeting."""
    operations.start(draft.deps, draft.breakout_id)
    draft.work(Breakout)
    assert _seconds_to_look(draft) < 1, "the rooms were prepared some time ago"
    hand = Hand(*fresh, ["ana", "bo"], rooms=2)
    assert 25 < _seconds_to_look(hand) <= 30


def _seconds_to_look(hand: Hand) -> float:
    with hand.deps.database.transaction() as tx:
        looks_at = tx.session.get_one(Meeting, hand.meeting_id).look_at
        assert looks_at is not None
        return (looks_at - tx.now()).total_seconds()


def test_a_look_that_gets_no_answer_changes_nothing(hand: Hand) -> None:
    hand.sandbox.faults({"kind": "error_before", "times": None})
    _look(hand)
    hand.sandbox.faults()
    assert hand.problems() == []
    assert not any(room.to_check for room in _rooms(hand))


def _close(hand: Hand, *meeting_ids: str | None) -> None:
    for meeting_id in meeting_ids:
        hand.sandbox.rest("PATCH", f"/meetings/{meeting_id}", INACTIVE)


def _look(hand: Hand) -> None:
    """Let the time of the next look come."""
    with hand.deps.database.transaction() as tx:
        mine = update(Meeting).where(col(Meeting.id) == hand.meeting_id)
        tx.session.execute(mine.values(look_at=tx.now(), due_at=tx.now()))
    hand.work(Meeting)


def _rooms(hand: Hand) -> list[Room]:
    statement = select(Room).where(col(Room.breakout_id) == hand.breakout_id).order_by(col(Room.index))
    with hand.deps.database.reading() as session:
        return list(session.scalars(statement))
