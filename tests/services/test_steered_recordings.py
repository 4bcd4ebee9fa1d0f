"""Operators start, stop, pause and resume the recording of a room. What they want holds, whoever comes."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.errors import UserError
from orchestrator.services.breakout import recording_commands
from orchestrator.services.deps import Deps
from orchestrator.services.views import breakouts as views
from orchestrator.services.views.event_log import after
from schemas.responses import RecordingResponse
from schemas.states import RecordingAction, RecordingState
from schemas.tables import ORPHANS, Recording, Room, Sweep
from tests.services.hand import Hand
from tests.support.sandbox_server import JSON, SandboxServer

A, R = RecordingAction, RecordingState


def made(fresh: tuple[Deps, SandboxServer], **body: Any) -> Hand:
    hand = Hand(*fresh, ["ana", "bo"], rooms=["Red/Blue"], recording={"file_name_prefix": "round-1"}, **body)
    hand.sandbox.timings(recording_starts_after=0, recording_uploads_after=0)
    return hand


@pytest.fixture
def hand(fresh: tuple[Deps, SandboxServer]) -> Hand:
    """Put Ana into a room that is being recorded."""
    hand = made(fresh, record=True)
    come(hand, "ana")
    return hand


def come(hand: Hand, name: str) -> None:
    hand.sandbox.join(hand.tokens()[name])
    look(hand)


def look(hand: Hand) -> None:
    """Poll as if the last list of recordings were old, and do what is due then."""
    with hand.deps.database.transaction() as tx:
        tx.session.execute(update(Sweep).where(col(Sweep.id) == ORPHANS).values(recordings_asked_at=None))
    hand.poll()
    hand.work(Recording, Room, Recording)


def say(hand: Hand, action: RecordingAction) -> str | None:
    """Give a command, and work on the room. Returns the state that a refusal names."""
    try:
        recording_commands.command(hand.deps, hand.breakout_id, room_id(hand), action)
    except UserError as error:
        return str(error.extra["state"])
    hand.work(Room)
    return None


def room_id(hand: Hand) -> str:
    with hand.deps.database.reading() as session:
        return session.scalars(select(col(Room.id)).where(col(Room.breakout_id) == hand.breakout_id)).one()


def latest(hand: Hand) -> RecordingResponse | None:
    with hand.deps.database.reading() as session:
        return views.breakout(session, hand.breakout_id).rooms[0].recording


def states(hand: Hand) -> list[RecordingState]:
    with hand.deps.database.reading() as session:
        mine = select(Recording).where(col(Recording.breakout_id) == hand.breakout_id)
        return [row.state for row in session.scalars(mine.order_by(col(Recording.id)))]


def there(hand: Hand) -> list[str]:
    """Return the statuses of the recordings at RealtimeKit."""
    return [one["status"] for one in hand.sandbox.state()["recordings"]]


def shown(hand: Hand, name: str = "bo") -> tuple[int, bool | None]:
    """Return the version of a seat, and whether it says that the room is recorded."""
    seat = hand.look(name)
    return seat.version, seat.recorded


def test_a_stop_holds_until_the_start_whoever_comes(hand: Hand) -> None:
    before = shown(hand)
    assert before[1] is True
    assert say(hand, A.STOP) is None
    assert [states(hand)[-1], there(hand)[-1]] in ([R.STOPPED, "UPLOADING"], [R.STOPPED, "UPLOADED"])
    assert shown(hand) == (before[0] + 1, False)
    assert say(hand, A.STOP) in (R.STOPPED, R.UPLOADED)
    come(hand, "bo")
    look(hand)
    assert len(states(hand)) == 1
    assert say(hand, A.START) is None
    assert (states(hand)[-1], there(hand)[-1], shown(hand)[1]) == (R.RECORDING, "RECORDING", True)
    assert say(hand, A.START) == R.RECORDING
    assert hand.problems() == []


def test_a_room_that_is_not_recorded_is_so_from_a_start_on(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = made(fresh)
    assert (shown(hand)[1], say(hand, A.STOP), say(hand, A.PAUSE)) == (False, "none", "none")
    assert say(hand, A.START) is None
    assert (states(hand), there(hand)) == ([R.REQUESTED], []), "nobody is there"
    assert shown(hand)[1] is True
    come(hand, "ana")
    assert (states(hand), there(hand)) == ([R.RECORDING], ["RECORDING"])
    hand.sandbox.record(hand.sandbox.state()["recordings"][0]["meeting_id"], "fail")
    look(hand)
    look(hand)
    assert states(hand) == [R.FAILED, R.RECORDING], "another follows, as with record"


def test_a_pause_is_seen_and_ends(hand: Hand) -> None:
    assert say(hand, A.RESUME) == R.RECORDING
    for action, status in ((A.PAUSE, "PAUSED"), (A.RESUME, "RECORDING"), (A.PAUSE, "PAUSED")):
        assert say(hand, action) is None
        assert there(hand) == [status]
        found = latest(hand)
        assert found
        assert (found.state, found.paused) == (R.RECORDING, status == "PAUSED")
    assert (say(hand, A.PAUSE), say(hand, A.START)) == ("paused", "paused")
    assert say(hand, A.STOP) is None
    found = latest(hand)
    assert found
    assert (found.state, found.paused) == (R.STOPPED, False)


@pytest.mark.parametrize(("action", "status"), [(A.PAUSE, "PAUSED"), (A.STOP, "UPLOADED")])
@pytest.mark.parametrize("kind", ["error_before", "error_after"])
def test_a_command_whose_call_fails_is_carried_out_once(
    hand: Hand, action: RecordingAction, status: str, kind: str
) -> None:
    hand.sandbox.faults({"operation": "pause_resume_stop_recording", "kind": kind})
    for _ in range(4):
        if say(hand, action):
            hand.work(Room)
    assert (there(hand), hand.problems()) == ([status], [])


def test_a_stop_finds_a_recording_whose_start_was_not_answered(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = made(fresh, record=True)
    hand.sandbox.faults({"operation": "start_recordings", "kind": "error_after"})
    come(hand, "ana")
    assert (states(hand), there(hand)) == ([R.REQUESTED], ["RECORDING"])
    assert say(hand, A.STOP) is None
    assert states(hand)[0] in (R.STOPPED, R.UPLOADED)
    assert there(hand)[0] in ("UPLOADING", "UPLOADED")


def test_a_start_right_after_a_stop_goes_on_with_what_runs(hand: Hand) -> None:
    for action in (A.STOP, A.START):
        recording_commands.command(hand.deps, hand.breakout_id, room_id(hand), action)
    hand.work(Room)
    assert (states(hand), there(hand)) == ([R.RECORDING], ["RECORDING"])


def test_a_stop_before_anybody_came_skips_it(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = made(fresh, record=True)
    assert say(hand, A.STOP) is None
    come(hand, "ana")
    assert (states(hand), there(hand)) == ([R.SKIPPED], [])


def test_a_file_has_a_name_and_an_end_that_is_told_a_day_before(hand: Hand) -> None:
    say(hand, A.STOP)
    look(hand)
    found = latest(hand)
    assert found
    assert found.file_name
    assert found.file_name.startswith("round-1-1-Red-Blue_")
    assert found.state is R.UPLOADED
    assert found.expires_at
    assert expiring(hand) == []
    with hand.deps.database.transaction() as tx:
        row = tx.session.get_one(Recording, found.id)
        assert row.due_at == found.expires_at - timedelta(days=1), "a time, and not a poll"
        row.expires_at = ends_at = tx.now() + timedelta(hours=23)
    calls = hand.sandbox.calls()["counts"]
    hand.work(Recording)
    hand.work(Recording)
    told = {"recording_id": found.id, "expires_at": ends_at.isoformat().replace("+00:00", "Z")}
    assert expiring(hand) == [told]
    assert hand.sandbox.calls()["counts"] == calls
    with hand.deps.database.reading() as session:
        assert session.get_one(Recording, found.id).due_at is None


def expiring(hand: Hand) -> list[JSON]:
    with hand.deps.database.reading() as session:
        log = after(session, hand.breakout_id, 0, 1000)
    return [event.data for event in log if event.type == "recording.expiring"]
