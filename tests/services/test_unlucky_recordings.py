"""A recording that does not begin while people are there is told of, whatever keeps RealtimeKit from starting it."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col

from orchestrator.services.breakout import operations, recording_commands
from orchestrator.services.deps import Deps
from orchestrator.services.views import breakouts as views
from schemas.responses import BreakoutResponse
from schemas.states import RecordingAction, RecordingState
from schemas.tables import Breakout, Presence, Recording, Room
from tests.services.hand import Hand
from tests.services.test_hosts_recordings import close, tell
from tests.services.test_hosts_recordings import update as update_of
from tests.services.test_steered_recordings import come, latest, made, room_id, say
from tests.support.sandbox_server import SandboxServer

R = RecordingState
INTERRUPTED = "recording interrupted"


@pytest.fixture
def hand(fresh: tuple[Deps, SandboxServer]) -> Hand:
    """Put Ana into a room that is to be recorded, while RealtimeKit starts no recording."""
    hand = made(fresh, record=True)
    hand.sandbox.faults({"operation": "start_recordings", "kind": "error_before", "times": None})
    come(hand, "ana")
    return hand


def wait(hand: Hand, seconds: float) -> None:
    """Let so much time pass since the room opened and Ana came, as far as recordings are concerned."""
    with hand.deps.database.transaction() as tx:
        ago = tx.now() - timedelta(seconds=seconds)
        mine = update(Recording).where(col(Recording.breakout_id) == hand.breakout_id)
        tx.session.execute(mine.values(created_at=ago))
        here = update(Presence).where(col(Presence.meeting_id) == hand.meeting_id)
        tx.session.execute(here.values(joined_at=ago))
    hand.work(Room)


def see(hand: Hand) -> BreakoutResponse:
    with hand.deps.database.reading() as session:
        return views.breakout(session, hand.breakout_id)


def test_a_start_that_is_late_is_reported_while_it_lasts_and_when_it_is_over(hand: Hand) -> None:
    assert hand.problems() == []
    wait(hand, 40)
    wait(hand, 50)
    assert hand.problems() == [INTERRUPTED], "once"
    hand.sandbox.faults()
    hand.work(Room)
    found = latest(hand)
    assert found
    assert (found.state, hand.problems()) == (R.RECORDING, [INTERRUPTED, INTERRUPTED])


@pytest.mark.parametrize(("seconds", "state", "problems"), [(1, R.SKIPPED, 0), (20, R.FAILED, 1), (40, R.FAILED, 2)])
def test_a_room_with_people_that_was_never_recorded_has_failed(
    hand: Hand, seconds: float, state: RecordingState, problems: int
) -> None:
    wait(hand, seconds)
    close(hand)
    found = latest(hand)
    assert found
    assert (found.state, hand.problems()) == (state, [INTERRUPTED] * problems)
    assert found.error != "nobody ever joined"
    failed = see(hand).progress.recordings.failed
    assert failed == (state is R.FAILED)


@pytest.mark.parametrize("seconds", [20, 40])
def test_a_recording_that_an_operator_stops_before_it_begins_has_not_failed(hand: Hand, seconds: float) -> None:
    wait(hand, seconds)
    before = hand.problems()
    recording_commands.command(hand.deps, hand.breakout_id, room_id(hand), RecordingAction.STOP)
    close(hand)
    found = latest(hand)
    assert found
    assert (found.state, hand.problems()) == (R.SKIPPED, before)


def test_a_room_that_nobody_came_to_is_skipped(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = made(fresh, record=True)
    operations.close(hand.deps, hand.breakout_id, 0)
    hand.work(Breakout, Room)
    hand.pass_grace()
    found = latest(hand)
    assert found
    assert (found.state, found.error, hand.problems()) == (R.SKIPPED, "nobody ever joined", [])


def test_late_news_of_its_beginning_does_not_end_a_pause(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = made(fresh, record=True)
    come(hand, "ana")
    begun = update_of(hand)
    assert say(hand, RecordingAction.PAUSE) is None
    hand.deliver(begun)
    hand.apply()
    found = latest(hand)
    assert found
    assert found.paused
    assert say(hand, RecordingAction.RESUME) is None
    tell(hand, update_of(hand, status="PAUSED"))
    found = latest(hand)
    assert found
    assert not found.paused, "RealtimeKit was asked"
