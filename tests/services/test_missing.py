"""Nobody is lost because something was late: a fact, a poll, or the call that puts people out of their room."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.views import breakouts
from schemas.states import BreakoutState, SeatState
from schemas.tables import Breakout, Meeting, Room
from tests.services.browser import Browser
from tests.services.hand import Hand, webhook
from tests.support.sandbox_server import JSON, SandboxServer

FAILING = ("error_before", "reset_before", "success_false")
STOP, RETIRE, SEARCH = "pause_resume_stop_recording", "update_meeting_by_id", "get_meetings"


@pytest.fixture
def hand(fresh: tuple[Deps, SandboxServer]) -> Hand:
    """Open a recorded breakout of one room with Ana and Bo in it."""
    hand = Hand(*fresh, ["ana", "bo"], rooms=1, record=True)
    for name in ("ana", "bo"):
        Browser(hand, name).follow()
    hand.work(Room)
    return hand


def test_who_is_nowhere_is_lost_once_main_was_asked(hand: Hand) -> None:
    _call_home(hand)
    hand.pass_second_grace()
    assert set(hand.seats().values()) == {SeatState.RETURNING}
    hand.work(Meeting, Breakout)
    assert set(hand.seats().values()) == {SeatState.LOST}
    assert _seen(hand) == (BreakoutState.CLOSED, ["people lost"])


def test_who_has_told_that_they_are_home_is_not_lost_while_that_waits_to_be_applied(hand: Hand) -> None:
    _call_home(hand)
    peer = hand.sandbox.join(hand.main_token("ana"))
    hand.deliver(webhook("Joined", _peer(hand, peer["peer_id"])))
    hand.sandbox.leave(peer["peer_id"])
    hand.pass_second_grace()
    hand.work(Meeting, Breakout)
    assert set(hand.seats().values()) == {SeatState.RETURNING}
    hand.apply()
    hand.work(Meeting, Breakout)
    assert hand.seats() == {"ana": SeatState.RETURNED, "bo": SeatState.LOST}


def test_who_came_home_untold_is_seen_by_the_poll_before_anybody_is_lost(hand: Hand) -> None:
    _call_home(hand)
    hand.sandbox.join(hand.main_token("ana"))
    hand.pass_second_grace()
    hand.work(Meeting, Breakout)
    assert hand.seats() == {"ana": SeatState.RETURNED, "bo": SeatState.LOST}


@pytest.mark.parametrize("fault", FAILING)
def test_nobody_is_lost_while_realtimekit_does_not_say_who_is_in_main(hand: Hand, fault: str) -> None:
    _call_home(hand)
    hand.sandbox.join(hand.main_token("ana"))
    hand.sandbox.faults(
        *({"operation": it, "kind": fault, "times": None} for it in ("get_active_session", "get_sessions"))
    )
    hand.pass_second_grace()
    for _ in range(3):
        hand.work(Meeting, Breakout)
    assert set(hand.seats().values()) == {SeatState.RETURNING}
    hand.sandbox.faults()
    hand.work(Meeting, Breakout)
    assert hand.seats() == {"ana": SeatState.RETURNED, "bo": SeatState.LOST}
    assert _seen(hand)[0] is BreakoutState.CLOSED


def test_a_realtimekit_that_never_answers_is_not_waited_for_without_end(hand: Hand) -> None:
    _call_home(hand)
    hand.sandbox.faults({"operation": "get_active_session", "kind": "error_before", "times": None})
    hand.pass_second_grace()
    hand.work(Meeting, Breakout)
    patience = timedelta(seconds=hand.deps.settings.closing_patience_seconds)
    with hand.deps.database.transaction() as tx:
        mine = update(Breakout).where(col(Breakout.id) == hand.breakout_id)
        tx.session.execute(mine.values(gives_up_at=tx.now() - patience, due_at=tx.now()))
    hand.work(Breakout)
    assert set(hand.seats().values()) == {SeatState.LOST}


@pytest.mark.parametrize("newcomer", [True, False], ids=["a newcomer", "a token"])
def test_the_poll_is_made_although_what_else_the_meeting_needs_fails(hand: Hand, newcomer: bool) -> None:
    _call_home(hand)
    hand.sandbox.join(hand.main_token("ana"))
    hand.sandbox.faults(
        *(
            {"operation": it, "kind": "error_before", "times": None}
            for it in ("get_meeting_participants", "add_participant", "refresh_participant_token", "get_presets")
        )
    )
    if newcomer:
        stranger = {"peer_id": "cy", "custom_participant_id": "cy", "meeting_id": hand.parent(), "session_id": "s"}
        hand.deliver(webhook("Joined", {**stranger, "joined_at": "2026-01-01T00:00:00Z"}))
        hand.apply()
    else:
        hand.age_tokens(ended=True)
        hand.seat(Browser(hand, "bo").participant_id)
    hand.pass_second_grace()
    hand.work(Meeting, Breakout)
    assert hand.seats() == {"ana": SeatState.RETURNED, "bo": SeatState.LOST}


def test_who_is_in_main_has_returned_although_nobody_told_that_they_left_their_room(hand: Hand) -> None:
    operations.close(hand.deps, hand.breakout_id, 0)
    hand.sandbox.faults({"operation": "kick_all_participants", "kind": "error_before", "times": None})
    hand.pass_grace()
    hand.sandbox.join(hand.main_token("ana"))
    hand.pass_second_grace()
    hand.work(Meeting, Breakout)
    assert hand.seats() == {"ana": SeatState.RETURNED, "bo": SeatState.RETURNING}


@pytest.mark.parametrize("operation", [STOP, RETIRE])
@pytest.mark.parametrize("fault", FAILING)
def test_people_are_put_out_and_awaited_although_their_room_can_not_be_closed(
    hand: Hand, operation: str, fault: str
) -> None:
    operations.close(hand.deps, hand.breakout_id, 0)
    hand.sandbox.faults({"operation": operation, "kind": fault, "times": None})
    _pass_both_graces(hand)
    _are_out_and_awaited(hand)
    hand.sandbox.join(hand.main_token("ana"))
    hand.pass_second_grace()
    hand.work(Meeting, Breakout)
    assert hand.seats() == {"ana": SeatState.RETURNED, "bo": SeatState.LOST}


def test_people_are_put_out_and_awaited_although_a_surplus_meeting_can_not_be_looked_for(hand: Hand) -> None:
    with hand.deps.database.transaction() as tx:
        mine = update(Room).where(col(Room.breakout_id) == hand.breakout_id)
        tx.session.execute(mine.values(first_in_doubt_at=tx.now()))
    operations.close(hand.deps, hand.breakout_id, 0)
    hand.sandbox.faults({"operation": SEARCH, "kind": "error_before", "times": None})
    _pass_both_graces(hand)
    _are_out_and_awaited(hand)


def test_who_can_not_be_put_out_is_awaited_and_then_gets_a_grace_to_come_home(hand: Hand) -> None:
    operations.close(hand.deps, hand.breakout_id, 0)
    hand.sandbox.faults({"operation": "kick_all_participants", "kind": "error_before", "times": 1})
    _pass_both_graces(hand)
    hand.work(Meeting, Breakout)
    assert set(hand.seats().values()) == {SeatState.RETURNING}
    hand.work(Room)
    _are_out_and_awaited(hand)


def _call_home(hand: Hand) -> None:
    """Let everybody be called home, stay in the room, and be put out of it when it closes."""
    operations.close(hand.deps, hand.breakout_id, 0)
    hand.pass_grace()
    assert hand.sandbox.present(str(next(iter(hand.places())))) == []


def _pass_both_graces(hand: Hand) -> None:
    """Let the time pass after which people are given up, before their room's task begins to close it."""
    with hand.deps.database.transaction() as tx:
        long_ago = tx.now() - 3 * hand.deps.grace
        mine = update(Breakout).where(col(Breakout.id) == hand.breakout_id)
        tx.session.execute(mine.values(sent_home_at=long_ago, gives_up_at=long_ago, due_at=long_ago))
    hand.work(Breakout, Room)


def _are_out_and_awaited(hand: Hand) -> None:
    (room,) = hand.places()
    assert hand.sandbox.present(str(room)) == []
    hand.work(Meeting, Breakout)
    assert set(hand.seats().values()) == {SeatState.RETURNING}


def _peer(hand: Hand, peer_id: str) -> JSON:
    return next(peer for peer in hand.sandbox.state()["peers"] if peer["peer_id"] == peer_id)


def _seen(hand: Hand) -> tuple[BreakoutState, list[str]]:
    with hand.deps.database.reading() as session:
        seen = breakouts.breakout(session, hand.breakout_id)
    return seen.state, [problem.what for problem in seen.problems]
