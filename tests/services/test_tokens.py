"""Nobody is shown a token that has ended: it is renewed in time, in main and in rooms, prepared or open."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from schemas.states import Location, SeatState
from schemas.tables import Breakout, Meeting, Room, Seat
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer

OPEN = (Breakout, Room, Breakout)


@pytest.fixture
def hand(fresh: tuple[Deps, SandboxServer]) -> Hand:
    """Open a breakout with Ana and Bo in a room each, and their tokens for main in stock."""
    hand = Hand(*fresh, ["ana", "bo"], rooms=2)
    hand.work(Meeting)
    return hand


def test_a_token_for_a_room_is_shown_until_another_one_is_there(hand: Hand) -> None:
    before = hand.look("ana")
    hand.age_tokens(ended=False)
    assert hand.look("ana") == before
    hand.work(Room)
    after = hand.look("ana")
    assert after.version == before.version + 1
    assert after.auth_token not in (None, before.auth_token)
    assert hand.sandbox.join(str(after.auth_token))["meeting_id"] == after.realtimekit_meeting_id
    assert hand.seats() == {"ana": SeatState.INVITED, "bo": SeatState.INVITED}


def test_a_token_for_a_room_that_has_ended_is_not_shown(hand: Hand) -> None:
    hand.age_tokens(ended=True)
    assert (hand.look("ana").location, hand.look("ana").auth_token) == (Location.ROOM, None)
    hand.work(Room)
    assert hand.look("ana").auth_token


def test_a_token_for_main_is_renewed_for_a_browser_that_asks(draft: Hand) -> None:
    draft.look("ana")
    draft.work(Meeting)
    before = draft.look("ana")
    draft.age_tokens(ended=False)
    assert draft.look("ana") == before
    draft.work(Meeting)
    after = draft.look("ana")
    assert (after.version, after.location) == (before.version + 1, Location.MAIN)
    assert after.auth_token not in (None, before.auth_token)


def test_a_token_for_main_that_has_ended_is_not_shown(draft: Hand) -> None:
    draft.look("ana")
    draft.work(Meeting)
    draft.age_tokens(ended=True)
    assert draft.look("ana").auth_token is None
    draft.work(Meeting)
    assert draft.look("ana").auth_token


def test_a_token_for_main_of_somebody_who_is_away_is_renewed_only_when_they_ask(draft: Hand) -> None:
    draft.look("ana")
    draft.work(Meeting)
    draft.age_tokens(ended=False)
    draft.sandbox.forget_calls()
    draft.work(Meeting)
    assert "refresh_participant_token" not in draft.sandbox.calls()["counts"]


def test_people_in_rooms_have_a_good_token_for_main_when_they_come_back(hand: Hand) -> None:
    before = hand.main_token("ana")
    hand.age_tokens(ended=False)
    hand.work(Meeting)
    assert hand.main_token("ana") != before


def test_good_tokens_are_not_renewed_while_a_breakout_closes(hand: Hand) -> None:
    operations.close(hand.deps, hand.breakout_id, 60)
    hand.age_tokens(ended=False)
    before = hand.main_token("ana")
    hand.work(Meeting)
    assert hand.main_token("ana") == before
    hand.age_tokens(ended=True)
    hand.work(Meeting)
    assert hand.main_token("ana") != before


def test_prepared_tokens_are_renewed_before_the_start(draft: Hand) -> None:
    before = draft.tokens()
    draft.age_tokens(ended=False)
    draft.work(Room)
    assert not set(draft.tokens().values()) & set(before.values())


def test_nobody_is_invited_with_a_token_that_has_ended(draft: Hand) -> None:
    draft.age_tokens(ended=True)
    operations.start(draft.deps, draft.breakout_id)
    draft.work(Breakout)
    assert draft.seats() == {"ana": SeatState.ADMITTED, "bo": SeatState.ADMITTED}
    draft.work(Room)
    assert draft.seats() == {"ana": SeatState.INVITED, "bo": SeatState.INVITED}
    for token in draft.tokens().values():
        draft.sandbox.join(token)


def test_a_room_is_due_when_the_first_of_its_tokens_is_to_be_renewed(hand: Hand) -> None:
    with hand.deps.database.reading() as session:
        statement = select(col(Room.due_at), col(Seat.token_renew_at)).join(Seat, col(Seat.room_id) == col(Room.id))
        rows = session.execute(statement.where(col(Room.breakout_id) == hand.breakout_id)).all()
    assert rows == [(renew_at, renew_at) for _, renew_at in rows]
    assert None not in rows[0]


def test_a_renewal_that_fails_for_a_while_harms_nobody(hand: Hand) -> None:
    before = hand.look("ana")
    hand.sandbox.faults({"operation": "refresh_participant_token", "kind": "error_before", "times": None})
    for _ in range(hand.deps.settings.room_tries + 1):
        hand.age_tokens(ended=False)
        hand.work(Room, Meeting)
    assert (hand.look("ana"), hand.problems()) == (before, [])
    hand.sandbox.faults()
    hand.age_tokens(ended=False)
    hand.work(Room)
    assert hand.look("ana").auth_token not in (None, before.auth_token)


def test_tokens_that_have_ended_and_cannot_be_renewed_leave_calls_for_others(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    hand = Hand(*fresh, ["ana", "bo"], rooms=1)
    hand.sandbox.faults({"operation": "refresh_participant_token", "kind": "error_before", "times": None})
    hand.age_tokens(ended=True)
    waits = []
    for _ in range(2 * hand.deps.settings.room_tries):
        hand.work(Room)
        waits.append(hand.pause())
    assert min(waits) > timedelta(), "a room was due at once"
    assert sum(wait > timedelta(seconds=55) for wait in waits) == 2, "it is tried again a minute after it was given up"
    assert hand.problems() == ["room given up"], "and said so once"
    hand.sandbox.faults()
    hand.work(Room)
    for name in ("ana", "bo"):
        token = hand.look(name).auth_token
        assert token
        hand.sandbox.join(token)


@pytest.mark.parametrize("kind", ["error_before", "refuse"])
def test_a_room_whose_meeting_can_not_be_asked_for_gets_its_tokens_later(
    fresh: tuple[Deps, SandboxServer], kind: str
) -> None:
    hand = Hand(*fresh, ["ana", "bo"], rooms=1)
    gone = {"operation": "refresh_participant_token", "kind": "refuse", "status": 404, "times": None}
    hand.sandbox.faults(gone, {"operation": "get_meeting_by_id", "kind": kind, "status": 403, "times": None})
    hand.age_tokens(ended=True)
    for _ in range(hand.deps.settings.room_tries + 1):
        hand.work(Room)
        assert hand.pause() > timedelta(), "a room was due at once"
    hand.sandbox.faults()
    hand.work(Room, Room)
    assert all(hand.look(name).auth_token for name in ("ana", "bo"))


def test_a_prepared_room_that_can_not_renew_its_tokens_is_reported_once(draft: Hand) -> None:
    draft.sandbox.faults({"operation": "refresh_participant_token", "kind": "error_before", "times": None})
    draft.age_tokens(ended=True)
    for _ in range(3 * draft.deps.settings.room_tries):
        draft.work(Room)
    assert set(draft.problems()) <= {"room not prepared"}
    assert len(draft.problems()) <= len(draft.places()), "once for each room"


def test_who_gets_no_token_is_not_asked_for_at_each_look(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1)
    with hand.deps.database.transaction() as tx:
        mine = update(Seat).where(col(Seat.breakout_id) == hand.breakout_id)
        tx.session.execute(mine.values(auth_token=None, token_renew_at=None, realtimekit_participant_id=None))
    hand.sandbox.faults({"operation": "refresh_participant_token", "kind": "refuse", "times": None})
    for _ in range(5):
        hand.look("ana")
        hand.work(Room)
    assert hand.sandbox.calls()["counts"].get("refresh_participant_token", 0) <= 1
    hand.sandbox.faults()
    hand.age_tokens(ended=True)
    hand.work(Room)
    assert hand.look("ana").auth_token


def test_a_renewal_that_is_refused_is_tried_again_and_said_once(hand: Hand) -> None:
    hand.sandbox.faults({"operation": "refresh_participant_token", "kind": "refuse", "times": None})
    for ended in (False, True, True):
        hand.age_tokens(ended=ended)
        hand.work(Room)
        assert hand.pause() > timedelta()
    assert hand.problems() == ["participant refused"] * 2
    hand.sandbox.faults()
    hand.age_tokens(ended=True)
    hand.work(Room)
    assert all(hand.look(name).auth_token for name in ("ana", "bo"))


def test_somebody_whose_record_was_deleted_is_added_again(hand: Hand) -> None:
    for meeting_id in [hand.parent(), *hand.places()]:
        hand.sandbox.delete_participants(str(meeting_id))
    hand.age_tokens(ended=False)
    hand.work(Room, Meeting)
    for token in (*hand.tokens().values(), hand.main_token("ana"), hand.main_token("bo")):
        hand.sandbox.join(token)
    assert hand.problems() == []


def test_a_token_that_names_no_end_is_good(hand: Hand) -> None:
    with hand.deps.database.transaction() as tx:
        mine = update(Seat).where(col(Seat.breakout_id) == hand.breakout_id)
        tx.session.execute(mine.values(token_renew_at=None, token_good_until=None))
    before = hand.look("ana")
    hand.work(Room)
    assert before.auth_token
    assert hand.look("ana") == before
