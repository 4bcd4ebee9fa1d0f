"""In rooms people have the presets of the breakout, else of the meeting's rooms, else of main; their own goes first."""

import pytest

from orchestrator.services.deps import Deps
from orchestrator.services.meetings import registering
from schemas.requests import PersonRequest
from schemas.tables import Meeting, Room
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer

MAIN, OF_ROOMS, OF_ROUND, OWN = "group_call_participant", "webinar_viewer", "webinar_presenter", "group_call_host"


def presets(hand: Hand) -> set[str]:
    """Return the presets that people have in the room."""
    (child,) = hand.places()
    return {record["preset_name"] for record in hand.sandbox.records(str(child)).values()}


@pytest.mark.parametrize(
    ("of_meeting", "of_breakout", "expected"),
    [(None, None, MAIN), (OF_ROOMS, None, OF_ROOMS), (OF_ROOMS, OF_ROUND, OF_ROUND), (None, OF_ROUND, OF_ROUND)],
)
def test_the_presets_of_rooms_go_before_those_of_main(
    fresh: tuple[Deps, SandboxServer], of_meeting: str | None, of_breakout: str | None, expected: str
) -> None:
    meeting = {"room_presets": {"participant": of_meeting}}
    hand = Hand(*fresh, ["ana"], meeting, rooms=1, room_presets={"participant": of_breakout})
    assert presets(hand) == {expected}
    main = hand.sandbox.records(hand.parent())
    assert {record["preset_name"] for record in main.values()} <= {MAIN}


def test_somebodys_own_preset_is_theirs_in_rooms_too_also_when_they_get_it_later(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1, room_presets={"participant": OF_ROUND})
    registering.register(
        hand.deps, hand.meeting_id, [PersonRequest(custom_participant_id="ana", name="ana", preset_name=OWN)]
    )
    hand.work(Meeting, Room)
    assert presets(hand) == {OWN}
