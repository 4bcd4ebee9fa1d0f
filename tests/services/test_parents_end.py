"""By the end of the parent meeting every seat points to main, whatever a breakout's own timer says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from orchestrator.errors import Malformed, WrongState
from orchestrator.services.breakout import changes, operations, room_changes
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import changing
from orchestrator.services.planning import creating as planning
from orchestrator.services.views import breakouts, event_log, meetings
from schemas.events import EventType
from schemas.requests import BreakoutChange, BreakoutRequest, MeetingChange, RoomChange
from schemas.responses import BreakoutResponse
from schemas.states import BreakoutState, CloseReason
from schemas.tables import Breakout, Meeting, Room
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer

S = BreakoutState
COUNTDOWN, HOUR = 60, 3600


def ends_in(hand: Hand, seconds: float | None) -> datetime | None:
    """Let the meeting end in so many seconds. Returns when that is."""
    at = None if seconds is None else datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
    changing.change(hand.deps, hand.meeting_id, MeetingChange.model_validate({"ends_at": at and at.isoformat()}))
    return at


def shown(hand: Hand, breakout_id: str | None = None) -> BreakoutResponse:
    with hand.deps.database.reading() as session:
        return breakouts.breakout(session, breakout_id or hand.breakout_id)


def opened(fresh: tuple[Deps, SandboxServer], **body: Any) -> Hand:
    hand = Hand(*fresh, ["ana"], **{"rooms": 1, "countdown_seconds": COUNTDOWN} | body)
    hand.work(Breakout)
    assert shown(hand).state is S.OPEN
    return hand


def plan(hand: Hand, **body: Any) -> str:
    asked = {"rooms": 1, "countdown_seconds": COUNTDOWN} | body
    return planning.create(hand.deps, hand.meeting_id, BreakoutRequest.model_validate(asked))


def test_operators_are_told_which_of_the_ends_has_moved(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = opened(fresh)
    ends_in(hand, HOUR)
    operations.close(hand.deps, hand.breakout_id, 30)
    before = shown(hand)
    ends_in(hand, 15)
    after = shown(hand)
    assert (before.closes_at, before.empties_at) != (after.closes_at, after.empties_at)
    with hand.deps.database.reading() as session:
        log = event_log.after(session, hand.breakout_id, 0, 1000)
    told = [it.data["fields"] for it in log if it.type == EventType.BREAKOUT_CHANGED]
    assert told == [["closes_at"], ["empties_at"]]


def warnings(hand: Hand) -> list[int]:
    """Return the seconds of each warning that was given."""
    with hand.deps.database.reading() as session:
        log = event_log.after(session, hand.breakout_id, 0, 1000)
    return [it.data["remaining_seconds"] for it in log if it.type == EventType.BREAKOUT_WARNING]


@pytest.mark.parametrize("duration", [None, 2 * HOUR])
def test_an_end_closes_what_would_last_longer_and_is_taken_away_again(
    fresh: tuple[Deps, SandboxServer], duration: int | None
) -> None:
    hand = opened(fresh, duration_seconds=duration)
    before = shown(hand)
    at = ends_in(hand, HOUR)
    assert at
    clamped = shown(hand)
    assert clamped.closes_at == at - timedelta(seconds=COUNTDOWN)
    assert clamped.version == before.version + 1
    ends_in(hand, None)
    assert shown(hand).closes_at == before.closes_at


def test_an_earlier_own_end_stays_and_a_later_one_is_clamped(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = opened(fresh, duration_seconds=600)
    before = shown(hand).closes_at
    at = ends_in(hand, HOUR)
    assert at
    assert shown(hand).closes_at == before
    changes.change(hand.deps, hand.breakout_id, BreakoutChange(extend_seconds=2 * HOUR))
    assert shown(hand).closes_at == at - timedelta(seconds=COUNTDOWN)


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        ([], 2 * HOUR),
        ([{"extend_seconds": 100}], 2 * HOUR + 100),
        ([{"extend_seconds": -100}], HOUR - COUNTDOWN - 100),
        ([{"paused": True}, {"paused": False}], 2 * HOUR),
        ([{"paused": True}, {"extend_seconds": 100}, {"paused": False}], 2 * HOUR + 100),
        ([{"paused": True}, {"extend_seconds": -100}, {"paused": False}], 2 * HOUR - 100),
    ],
    ids=["none", "longer", "shorter", "paused", "paused and longer", "paused and shorter"],
)
def test_a_breakout_keeps_its_own_timer_while_its_meeting_ends_before(
    fresh: tuple[Deps, SandboxServer], steps: list[dict[str, Any]], left: int
) -> None:
    hand = opened(fresh, duration_seconds=2 * HOUR)
    at = ends_in(hand, HOUR)
    for step in steps:
        changes.change(hand.deps, hand.breakout_id, BreakoutChange.model_validate(step))
    clamped = shown(hand).closes_at
    assert at
    assert clamped
    assert clamped <= at - timedelta(seconds=COUNTDOWN)
    ends_in(hand, None)
    after = shown(hand)
    assert after.closes_at
    assert (after.closes_at - datetime.now(UTC)).total_seconds() == pytest.approx(left, abs=30)


@pytest.mark.parametrize("body", [{"extend_seconds": 60}, {"paused": True}])
def test_what_has_no_timer_of_its_own_gets_none_by_the_meetings_end(
    fresh: tuple[Deps, SandboxServer], body: dict[str, Any]
) -> None:
    hand = opened(fresh, duration_seconds=None)
    ends_in(hand, HOUR)
    with pytest.raises(WrongState, match="no timer"):
        changes.change(hand.deps, hand.breakout_id, BreakoutChange.model_validate(body))
    ends_in(hand, None)
    assert shown(hand).closes_at is None


def test_the_rooms_of_a_paused_breakout_say_when_they_close_and_are_warned(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = opened(fresh, rooms=2, duration_seconds=2 * HOUR, warn_before_seconds=[100])
    room = next(it for it in shown(hand).rooms if it.participants)
    hand.work(Room, Breakout)
    late = (datetime.now(UTC) + timedelta(seconds=HOUR + 600)).isoformat()
    room_changes.change_room(hand.deps, hand.breakout_id, room.id, RoomChange.model_validate({"closes_at": late}))
    changes.change(hand.deps, hand.breakout_id, BreakoutChange(paused=True))
    before = hand.look("ana")
    at = ends_in(hand, HOUR)
    assert at
    closes_at = at - timedelta(seconds=COUNTDOWN)
    own = {it.name: it.closes_at for it in shown(hand).rooms}
    assert (own.pop(room.name), list(own.values())) == (closes_at, [None])
    after = hand.look("ana")
    assert (after.breakout and after.breakout.closes_at) == closes_at
    assert after.version > before.version
    ends_in(hand, COUNTDOWN + 90)
    with hand.deps.database.transaction() as tx:
        ago = tx.now() - timedelta(minutes=1)
        mine = update(Breakout).where(col(Breakout.id) == hand.breakout_id)
        tx.session.execute(mine.values(warned_until=ago))
    hand.work(Breakout)
    assert warnings(hand) == [100]


def test_what_closes_says_when_it_began_to_whatever_the_meetings_end(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = opened(fresh, duration_seconds=2 * HOUR)
    hand.work(Room, Breakout)
    room = shown(hand).rooms[0]
    body = RoomChange.model_validate({"closes_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()})
    room_changes.change_room(hand.deps, hand.breakout_id, room.id, body)
    operations.close(hand.deps, hand.breakout_id, 30)
    before = hand.look("ana")
    ends_in(hand, COUNTDOWN / 2)
    after = hand.look("ana")
    assert after.breakout
    assert before.breakout
    assert after.breakout.closes_at == before.breakout.closes_at == shown(hand).closes_at
    assert shown(hand).rooms[0].closes_at == shown(hand).closes_at


def test_an_end_that_moves_nothing_loses_no_warning(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = opened(fresh, duration_seconds=HOUR, warn_before_seconds=[300])
    with hand.deps.database.transaction() as tx:
        now = tx.now()
        ends_at = now + timedelta(seconds=299)
        mine = update(Breakout).where(col(Breakout.id) == hand.breakout_id)
        times = {"own_end": ends_at, "closes_at": ends_at, "warned_until": now - timedelta(minutes=1)}
        tx.session.execute(mine.values(times))
    ends_in(hand, 2 * HOUR)
    hand.work(Breakout)
    assert warnings(hand) == [300]


def test_a_paused_breakout_closes_in_time(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = opened(fresh, duration_seconds=2 * HOUR)
    ends_in(hand, HOUR)
    changes.change(hand.deps, hand.breakout_id, BreakoutChange(paused=True))
    assert shown(hand).closes_at is None
    at = ends_in(hand, COUNTDOWN - 20)  # it would have had to close 20 s ago
    closing = shown(hand)
    assert (closing.state, closing.close_reason, closing.empties_at) == (S.CLOSING, CloseReason.TIMER, at)


def test_one_that_still_opens_closes_at_once_and_says_when(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1, countdown_seconds=COUNTDOWN, start="manual")
    operations.start(hand.deps, hand.breakout_id)
    ends_in(hand, COUNTDOWN / 2)
    hand.work(Breakout)
    seen = shown(hand)
    assert (seen.state, seen.close_reason) == (S.CLOSING, CloseReason.TIMER)
    assert seen.closes_at is not None


def test_a_longer_countdown_ends_with_the_meeting(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = opened(fresh)
    operations.close(hand.deps, hand.breakout_id, 600)
    at = ends_in(hand, 30)
    assert shown(hand).empties_at == at


def test_a_start_that_would_be_too_late_is_refused_and_the_latest_is_named(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1, start="manual")
    at = ends_in(hand, COUNTDOWN + 5)
    assert at
    latest = f"{at - timedelta(seconds=COUNTDOWN + 10):%Y-%m-%dT%H:%M:%SZ}"
    draft = plan(hand)
    for start in (
        lambda: plan(hand, start="now"),
        lambda: plan(hand, start=(at - timedelta(seconds=COUNTDOWN)).isoformat()),
        lambda: operations.start(hand.deps, draft),
    ):
        with pytest.raises(Malformed, match=latest):
            start()
    assert shown(hand, draft).state is S.DRAFT


def test_a_scheduled_start_that_becomes_too_late_is_a_draft_again(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1, start="manual")
    later = datetime.now(UTC) + timedelta(seconds=HOUR)
    planned = plan(hand, start=later.isoformat())
    ends_in(hand, 2 * HOUR)
    assert shown(hand, planned).state is S.SCHEDULED
    ends_in(hand, HOUR)
    missed = shown(hand, planned)
    assert (missed.state, [problem.what for problem in missed.problems]) == (S.DRAFT, ["start missed"])


def test_a_process_that_died_between_the_two_steps_leaves_the_rest_to_the_meetings_task(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    hand = opened(fresh)
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=HOUR)
    with hand.deps.database.transaction() as tx:
        tx.session.execute(update(Meeting).where(col(Meeting.id) == hand.meeting_id).values(ends_at=at))
    hand.work(Meeting)
    assert shown(hand).closes_at == at - timedelta(seconds=COUNTDOWN)


def test_the_least_that_is_given_changes_and_counts(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1, start="manual")

    def meeting() -> Any:
        with hand.deps.database.reading() as session:
            return meetings.meeting(session, hand.meeting_id).model_dump()

    before = meeting()
    changing.change(
        hand.deps, hand.meeting_id, MeetingChange.model_validate({"room_presets": {"host": "webinar_presenter"}})
    )
    after = meeting()
    assert after["room_presets"] == {"host": "webinar_presenter", "participant": None}
    assert after["version"] == before["version"] + 1
    changing.change(hand.deps, hand.meeting_id, MeetingChange())
    assert meeting() == after
