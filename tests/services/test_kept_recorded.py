"""Without webhooks a room is kept recorded while people are there, whatever ends a recording but a person's stop."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlmodel import Session, col

from orchestrator.domain.recording import MOST_REPLACED
from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.views import breakouts as views
from schemas.responses import BreakoutResponse, RecordingResponse
from schemas.states import RecordingState
from schemas.tables import ORPHANS, Recording, Room, Sweep
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import wait_until

R = RecordingState
LIST = "get_recordings"


@pytest.fixture(scope="module")
def built(built_apart: tuple[Deps, SandboxServer]) -> tuple[Deps, SandboxServer]:
    """Take parts of this module's own: a look is about the recordings of all breakouts, and asks after some of them."""
    return built_apart


@pytest.fixture
def hand(fresh: tuple[Deps, SandboxServer]) -> Hand:
    """Put Ana into a room that is being recorded."""
    hand = Hand(*fresh, ["ana", "bo"], rooms=1, record=True)
    hand.sandbox.timings(recording_starts_after=0, recording_uploads_after=0)
    hand.sandbox.join(hand.tokens()["ana"])
    _look(hand)
    assert _states(hand) == [R.RECORDING]
    return hand


def test_a_recording_that_fails_in_mid_session_is_followed_by_another(hand: Hand) -> None:
    hand.sandbox.record(_meeting(hand), "fail")
    _look(hand)
    assert _states(hand) == [R.FAILED, R.RECORDING]
    seen = _see(hand)
    assert (seen.progress.recordings.failed, seen.progress.recordings.recording) == (1, 1)
    assert _latest(hand).state is R.RECORDING
    assert [problem.what for problem in seen.problems] == ["recording failed", "recording interrupted"]
    since, until = _gap(seen.problems[1].detail)
    assert since < until


def test_another_whose_start_was_not_answered_is_found_and_not_started_twice(hand: Hand) -> None:
    hand.sandbox.faults({"operation": "start_recordings", "kind": "error_after"})
    hand.sandbox.record(_meeting(hand), "fail")
    _look(hand)
    assert _states(hand) == [R.FAILED, R.REQUESTED]
    _look(hand)
    assert _states(hand) == [R.FAILED, R.RECORDING]
    assert [one["status"] for one in hand.sandbox.state()["recordings"]] == ["ERRORED", "RECORDING"]


@pytest.mark.parametrize("kind", ["refuse", "error_before"])
def test_a_recording_that_could_not_be_started_is_asked_for_again_later(hand: Hand, kind: str) -> None:
    hand.sandbox.faults({"operation": "start_recordings", "kind": kind, "times": None})
    hand.sandbox.record(_meeting(hand), "fail")
    _look(hand)
    while _states(hand) == [R.FAILED, R.REQUESTED]:
        hand.work(Room)
    assert _states(hand) == [R.FAILED, R.FAILED]
    hand.sandbox.faults()
    _pass_wait(hand)
    assert _states(hand) == [R.FAILED, R.FAILED, R.RECORDING]
    assert _told(hand) == ["recording failed", "recording refused", "recording interrupted"]


def test_a_room_whose_recordings_go_on_failing_is_given_up_and_told_of(hand: Hand) -> None:
    _fail_until_given_up(hand)
    assert _states(hand) == [R.FAILED] * (1 + MOST_REPLACED)
    assert "on, and 3 more recordings were tried" in _see(hand).problems[-1].detail
    _look(hand)
    assert _told(hand).count("recording interrupted") == MOST_REPLACED + 1
    _close(hand)
    assert len(_states(hand)) == 1 + MOST_REPLACED
    since, until = _gap(_see(hand).problems[-1].detail)
    assert since < until


def test_a_room_that_closes_before_its_next_recording_has_the_gap_told(hand: Hand) -> None:
    for _ in range(2):
        hand.sandbox.record(_meeting(hand), "fail")
        _look(hand)
    _close(hand)
    assert _states(hand) == [R.FAILED, R.FAILED]
    assert _told(hand)[-2:] == ["recording failed", "recording interrupted"]


def test_a_room_that_was_given_up_is_recorded_again_when_it_fills_again(hand: Hand) -> None:
    _fail_until_given_up(hand)
    _empty(hand)
    _look(hand)
    hand.sandbox.join(hand.tokens()["bo"])
    _look(hand)
    assert _states(hand)[-2:] == [R.FAILED, R.RECORDING]
    assert "until" in _see(hand).problems[-1].detail


def test_somebody_who_looks_in_for_a_moment_costs_the_room_no_recording(hand: Hand) -> None:
    hand.sandbox.timings(recording_shortest=60, recording_stops_when_empty_after=0)
    _empty(hand)
    wait_until(lambda: hand.sandbox.state()["recordings"][0]["status"] == "ERRORED")
    _look(hand)
    assert _states(hand) == [R.FAILED]
    hand.sandbox.join(hand.tokens()["bo"])
    _look(hand)
    assert _states(hand) == [R.FAILED, R.RECORDING]
    assert "recording interrupted" not in _told(hand)


def test_a_host_s_stop_is_seen_and_holds_whoever_comes(hand: Hand) -> None:
    hand.sandbox.record(_meeting(hand), "stop")
    _look(hand)
    hand.sandbox.join(hand.tokens()["bo"])
    _look(hand)
    _empty(hand)
    _look(hand)
    hand.sandbox.join(hand.tokens()["ana"])
    _look(hand)
    assert _states(hand) in ([R.STOPPED], [R.UPLOADED])
    assert _told(hand) == []


def test_a_host_s_stop_of_a_recording_that_is_too_short_holds_too(hand: Hand) -> None:
    hand.sandbox.timings(recording_shortest=60)
    hand.sandbox.record(_meeting(hand), "stop")
    _look(hand)
    assert _states(hand) == [R.FAILED]


def test_a_host_who_records_again_has_the_room_recorded_from_then_on(hand: Hand) -> None:
    hand.sandbox.record(_meeting(hand), "stop")
    _look(hand)
    started = hand.sandbox.record(_meeting(hand), "start")
    _look(hand)
    assert (_latest(hand).realtimekit_recording_id, _latest(hand).state) == (started["id"], R.RECORDING)
    hand.sandbox.record(_meeting(hand), "fail")
    _look(hand)
    assert _states(hand)[1:] == [R.FAILED, R.RECORDING]


def test_a_recording_that_has_reached_its_longest_is_followed_by_none(hand: Hand) -> None:
    with hand.deps.database.transaction() as tx:
        _rows(hand, tx.session)[-1].started_at = tx.now() - timedelta(days=1)
    recording = hand.sandbox.state()["recordings"][0]
    hand.deps.realtimekit.run(hand.deps.realtimekit.stop_recording(recording["id"]))
    _look(hand)
    assert _states(hand) in ([R.STOPPED], [R.UPLOADED])
    assert _told(hand) == []


def test_a_paused_recording_is_shown_as_paused(hand: Hand) -> None:
    for action, paused in (("pause", True), ("resume", False)):
        hand.sandbox.record(_meeting(hand), action)
        _look(hand)
        assert (_latest(hand).state, _latest(hand).paused) == (R.RECORDING, paused)


def test_one_list_of_recordings_serves_all_polls_for_a_while(hand: Hand) -> None:
    before = hand.sandbox.calls()["counts"][LIST]
    hand.poll()
    hand.poll()
    assert hand.sandbox.calls()["counts"][LIST] == before


def _fail_until_given_up(hand: Hand) -> None:
    for _ in range(1 + MOST_REPLACED):
        hand.sandbox.record(_meeting(hand), "fail")
        _look(hand)
        _pass_wait(hand)


def _pass_wait(hand: Hand) -> None:
    """Let the wait before the next recording pass, and work on what is due then."""
    with hand.deps.database.transaction() as tx:
        latest = _rows(hand, tx.session)[-1]
        latest.stopped_at = latest.stopped_at and latest.stopped_at - timedelta(minutes=1)
    hand.work(Recording, Room)


def _look(hand: Hand) -> None:
    """Poll as if the last list of recordings were old, and do what is due then."""
    with hand.deps.database.transaction() as tx:
        tx.session.execute(update(Sweep).where(col(Sweep.id) == ORPHANS).values(recordings_asked_at=None))
    hand.poll()
    hand.work(Recording, Room)


def _close(hand: Hand) -> None:
    operations.close(hand.deps, hand.breakout_id, 0)
    _empty(hand)
    hand.pass_grace()


def _empty(hand: Hand) -> None:
    for peer in hand.sandbox.state()["peers"]:
        if peer["meeting_id"] == _meeting(hand):
            hand.sandbox.leave(peer["peer_id"])


def _meeting(hand: Hand) -> str:
    (meeting,) = hand.places()
    return meeting or ""


def _states(hand: Hand) -> list[RecordingState]:
    with hand.deps.database.reading() as session:
        return [row.state for row in _rows(hand, session)]


def _rows(hand: Hand, session: Session) -> Sequence[Recording]:
    mine = select(Recording).where(col(Recording.breakout_id) == hand.breakout_id)
    return session.scalars(mine.order_by(col(Recording.id))).all()


def _see(hand: Hand) -> BreakoutResponse:
    with hand.deps.database.reading() as session:
        return views.breakout(session, hand.breakout_id)


def _latest(hand: Hand) -> RecordingResponse:
    found = _see(hand).rooms[0].recording
    assert found
    return found


def _told(hand: Hand) -> list[str]:
    return [problem.what for problem in _see(hand).problems]


def _gap(detail: str) -> tuple[datetime, datetime]:
    """Return from when to when nothing was recorded, by a problem's words."""
    _, since, until = detail.replace(" until ", " from ").split(" from ")
    return datetime.fromisoformat(since), datetime.fromisoformat(until)
