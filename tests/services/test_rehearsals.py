"""A dry run says what opening then makes, and writes nothing."""

from typing import Any

import pytest
from sqlalchemy import func, select

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.planning import rehearsing
from orchestrator.services.views import breakouts
from schemas.requests import BreakoutRequest
from schemas.tables import Breakout, Event, Meeting, Room, Seat
from tests.services.browser import Browser
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer

NAMES = [f"p{number}" for number in range(7)]
PLANS: list[dict[str, Any]] = [
    {"rooms": 3},
    {"rooms": 9, "record": True},
    {"room_size": 2, "record": True},
    {"rooms": [{"name": "A", "participants": ["p0"]}, {"name": "B"}], "assignment": {"mode": "manual"}, "record": True},
    {"rooms": 4, "assignment": {"mode": "self_select"}, "record": True},
]


def counts(deps: Deps) -> list[int | None]:
    with deps.database.reading() as session:
        return [session.scalar(select(func.count()).select_from(table)) for table in (Breakout, Room, Seat, Event)]


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_the_calls_foretold_are_those_that_opening_makes(
    fresh: tuple[Deps, SandboxServer], plan: dict[str, Any]
) -> None:
    deps, sandbox = fresh
    hand = Hand(deps, sandbox, NAMES, start="manual", **plan)
    before = counts(deps)
    body = BreakoutRequest.model_validate({**plan, "start": "now"})
    foretold, conflicts = rehearsing.rehearse(deps, hand.meeting_id, body, breakouts.breakout)
    assert (counts(deps), conflicts) == (before, [])
    calls = rehearsing.calls_of(foretold)
    sandbox.forget_calls()
    operations.start(deps, hand.breakout_id)
    hand.work(Breakout, Room, Breakout)
    for room in foretold.rooms:
        for one in room.participants:
            Browser(hand, one.custom_participant_id).follow()
    hand.work(Meeting, Room)
    made = sandbox.calls()["counts"]
    assert made.get("create_meeting", 0) == calls.create == len(hand.places())
    in_rooms = sum(len(sandbox.records(str(place))) for place in hand.places())
    assert in_rooms == calls.add
    assert made.get("start_recordings", made.get("start_recording", 0)) == calls.record
    assert calls.total == calls.create + calls.add + calls.record


def test_what_stands_in_the_way_is_said(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1)
    body = BreakoutRequest.model_validate({"rooms": 1, "start": "now"})
    _, conflicts = rehearsing.rehearse(hand.deps, hand.meeting_id, body, breakouts.breakout)
    assert conflicts == ["another breakout of this meeting, Breakout 1, is open"]
