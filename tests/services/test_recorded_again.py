"""Recordings that end by themselves, with or without a webhook, and are started again."""

from collections.abc import Sequence

import pytest
from sqlalchemy import select
from sqlmodel import col

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.views import event_log
from schemas.events import EventType
from schemas.states import BreakoutState, RecordingState
from schemas.tables import Breakout, Recording, Room
from tests.services.hand import Hand
from tests.support.sandbox_server import JSON, SandboxServer
from tests.support.waiting import wait_until


@pytest.fixture
def hand(fresh: tuple[Deps, SandboxServer]) -> Hand:
    """Put Ana into a room that is being recorded."""
    hand = Hand(*fresh, ["ana"], rooms=1, record=True)
    hand.sandbox.timings(recording_starts_after=0, recording_uploads_after=0, recording_stops_when_empty_after=0)
    hand.sandbox.join(hand.tokens()["ana"])
    hand.poll()
    hand.work(Room)
    assert _states(hand) == [RecordingState.RECORDING]
    return hand


def test_a_stop_that_is_answered_with_a_running_recording_is_followed(hand: Hand) -> None:
    hand.sandbox.switches(stop_answers="running")
    operations.close(hand.deps, hand.breakout_id, 0)
    hand.sandbox.leave(_peers(hand)[-1]["peer_id"])
    hand.sandbox.join(hand.main_token("ana"))
    hand.poll()
    hand.pass_grace()
    hand.work(Recording, Breakout)
    assert _states(hand) == [RecordingState.UPLOADED]
    with hand.deps.database.reading() as session:
        assert session.get_one(Breakout, hand.breakout_id).state is BreakoutState.CLOSED


def test_a_room_that_fills_again_is_recorded_again_without_a_webhook_about_the_end(hand: Hand) -> None:
    _leave_and_come_back(hand)
    hand.poll()
    hand.work(Recording, Room)
    assert _states(hand) == [RecordingState.UPLOADED, RecordingState.RECORDING]


def test_a_room_that_fills_again_is_recorded_again_after_a_late_webhook_about_the_end(hand: Hand) -> None:
    before = _ended(hand)
    hand.sandbox.faults({"operation": "get_one_recording", "kind": "error_before", "times": None})
    hand.poll()
    hand.work(Recording)
    assert _states(hand) == [RecordingState.RECORDING]
    hand.deliver(before)
    hand.apply()
    hand.work(Recording, Room)
    assert _states(hand) == [RecordingState.STOPPED, RecordingState.RECORDING]


def test_the_log_has_each_state_of_a_recording_also_when_news_of_its_end_comes_after_its_upload(hand: Hand) -> None:
    before = _ended(hand)
    uploaded = {**before, "recording": before["recording"] | {"status": "UPLOADED"}}
    hand.deliver(uploaded, before)
    hand.apply()
    with hand.deps.database.reading() as session:
        log = event_log.after(session, hand.breakout_id, 0, 1000)
    recording = before["recording"]["id"]
    ours = {row.id for row in _recordings(hand) if row.realtimekit_recording_id == recording}
    moves = [it.data for it in log if it.type == EventType.RECORDING_STATE and it.data["recording_id"] in ours]
    assert [(it["from"], it["to"]) for it in moves][-2:] == [("recording", "stopped"), ("stopped", "uploaded")]


def test_a_recording_that_a_host_stops_stays_stopped(hand: Hand) -> None:
    recording = hand.sandbox.state()["recordings"][0]
    hand.deps.realtimekit.run(hand.deps.realtimekit.stop_recording(recording["id"]))
    hand.deliver(_update(hand))
    hand.apply()
    hand.work(Room)
    assert _states(hand) == [RecordingState.STOPPED]


def _ended(hand: Hand) -> JSON:
    """Empty the room until its recording ends, fill it again, and return the webhook about the end."""
    _leave_and_come_back(hand)
    return _update(hand)


def _leave_and_come_back(hand: Hand) -> None:
    hand.sandbox.leave(_peers(hand)[-1]["peer_id"])
    wait_until(lambda: hand.sandbox.state()["recordings"][0]["stopped_time"])
    hand.poll()
    hand.sandbox.join(hand.tokens()["ana"])


def _update(hand: Hand) -> JSON:
    recording = hand.sandbox.state()["recordings"][0]
    fields = {"id": recording["id"], "status": "UPLOADING", "stoppedTime": recording["stopped_time"]}
    return {"event": "recording.statusUpdate", "recording": fields, "meeting": {"id": _room(hand)}}


def _room(hand: Hand) -> str | None:
    (room,) = hand.places()
    return room


def _peers(hand: Hand) -> list[JSON]:
    return [peer for peer in hand.sandbox.state()["peers"] if peer["meeting_id"] == _room(hand)]


def _states(hand: Hand) -> list[RecordingState]:
    return [row.state for row in _recordings(hand)]


def _recordings(hand: Hand) -> Sequence[Recording]:
    with hand.deps.database.reading() as session:
        mine = select(Recording).where(col(Recording.breakout_id) == hand.breakout_id)
        return session.scalars(mine.order_by(col(Recording.id))).all()
