"""Where RealtimeKit's documentation is silent, a breakout goes right whichever way it is."""

import pytest
from sqlalchemy import select
from sqlmodel import col

from orchestrator.services.deps import Deps
from schemas.states import RecordingState
from schemas.tables import Recording, Room
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
