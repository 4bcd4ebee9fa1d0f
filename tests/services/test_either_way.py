"""Where RealtimeKit's documentation is silent, a breakout goes right whichever way it is."""

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import registering
from schemas.requests import PersonRequest
from schemas.states import RecordingState, SeatState
from schemas.tables import Breakout, Meeting, Recording, Room
from tests.api.conftest import parts
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer


@pytest.mark.parametrize("refusal", ["conflict", "bad_request"])
def test_a_recording_that_runs_already_is_adopted_however_a_second_is_refused(
    fresh: tuple[Deps, SandboxServer], refusal: str
) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1, record=True)
    hand.sandbox.switches(start_running_recording=refusal)
    hand.sandbox.join(hand.tokens()["ana"])
    (room,) = hand.places()
    kit = hand.deps.realtimekit
    running = kit.run(kit.start_recording(room or "", max_seconds=60, file_name_prefix="by a host"))
    hand.poll()
    hand.work(Room)
    with hand.deps.database.reading() as session:
        (ours,) = session.scalars(select(Recording).where(col(Recording.breakout_id) == hand.breakout_id))
    assert (ours.state, ours.realtimekit_recording_id) == (RecordingState.RECORDING, running.id)


@pytest.mark.parametrize("refusal", ["conflict", "bad_request"])
def test_a_person_who_is_there_already_is_adopted_however_a_second_record_is_refused(
    fresh: tuple[Deps, SandboxServer], refusal: str
) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1)
    hand.sandbox.switches(duplicate_participant=refusal)
    cy = registering.register(hand.deps, hand.meeting_id, [PersonRequest(custom_participant_id="cy", name="Cy")])[0]
    kit = hand.deps.realtimekit
    preset = "group_call_participant"
    kit.run(kit.add_participant(hand.parent(), custom_participant_id="cy", name="Cy", preset_name=preset))
    hand.seat(cy)
    hand.work(Meeting)
    assert hand.main_token("cy")


@pytest.mark.parametrize("refusal", ["conflict", "bad_request"])
def test_a_person_who_was_added_without_an_answer_is_adopted_although_lists_lag(
    sqlite_url: str, broker_url: str, tmp_path: Path, refusal: str
) -> None:
    urls = {"database_url": sqlite_url, "broker_url": broker_url}
    with SandboxServer() as sandbox, parts(sandbox, tmp_path, **urls, search_settle_seconds=1.2) as deps:
        hand = Hand(deps, sandbox, ["ana"], rooms=1, start="manual")
        sandbox.switches(duplicate_participant=refusal, participants_lag_seconds=1)
        sandbox.faults({"operation": "add_participant", "kind": "error_after"})
        operations.start(deps, hand.breakout_id)
        hand.work(Breakout, Room, Room, Breakout)
        assert hand.seats() == {"ana": SeatState.INVITED}


def test_who_is_refused_for_a_record_that_is_gone_by_then_is_added(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana", "bo"], rooms=1, start="manual")
    hand.sandbox.faults({"operation": "add_participant", "kind": "refuse", "status": 409, "match": '"bo"'})
    operations.start(hand.deps, hand.breakout_id)
    hand.work(Breakout, Room, Breakout)
    assert hand.seats() == {"ana": SeatState.INVITED, "bo": SeatState.INVITED}
