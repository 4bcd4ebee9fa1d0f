"""A dry run says what opening then makes, and writes nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.planning import rehearsing
from orchestrator.services.views import breakouts
from schemas.requests import BreakoutRequest
from schemas.responses import CallsResponse
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
    later = body.model_copy(update={"start": datetime.now(UTC) + timedelta(hours=1)})
    assert rehearsing.rehearse(hand.deps, hand.meeting_id, later, breakouts.breakout)[1] == [], "it waits for that"


def test_the_time_foretold_is_that_of_the_last_openings(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, NAMES, rooms=3)
    calls = CallsResponse(create=3, add=len(NAMES), record=0, total=3 + len(NAMES))
    took(hand, 0.4)
    quick = rehearsing.seconds_of(hand.deps, calls, call_seconds=0.1)
    took(hand, 0.8)
    assert (quick, rehearsing.seconds_of(hand.deps, calls, call_seconds=0.1)) == (0.4, 0.8)


def test_an_opening_that_found_its_rooms_prepared_foretells_nothing(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, NAMES, rooms=3)
    calls = CallsResponse(create=3, add=len(NAMES), record=0, total=3 + len(NAMES))
    took(hand, 0.4)
    prepare_all(hand)
    assert rehearsing.seconds_of(hand.deps, calls, call_seconds=0.1) == pytest.approx(0.3, abs=0.05)


def took(hand: Hand, seconds: float) -> None:
    """Let its opening be the only one without prepared rooms, and let it have taken so long."""
    prepare_all(hand)
    with hand.deps.database.transaction() as tx:
        row = tx.session.get_one(Breakout, hand.breakout_id)
        assert row.starts_at is not None
        row.prepare_from, row.opened_at = None, row.starts_at + timedelta(seconds=seconds)


def prepare_all(hand: Hand) -> None:
    """Let the rooms of all breakouts have been prepared."""
    with hand.deps.database.transaction() as tx:
        tx.session.execute(update(Breakout).values(prepare_from=tx.now()))
