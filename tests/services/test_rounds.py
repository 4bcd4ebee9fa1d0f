"""Rounds: each is dealt against who has met, and the end of one schedules the next."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import chain, combinations

import pytest
from sqlalchemy import update
from sqlmodel import col

from orchestrator.errors import Malformed
from orchestrator.services.breakout import operations
from orchestrator.services.breakout.forgetting import eraser_of_all, forget_people
from orchestrator.services.breakout.locked import locked
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import registering
from orchestrator.services.planning import changing
from orchestrator.services.upkeep.sweep import sweep_page
from orchestrator.services.views import attendance
from orchestrator.services.views.pages import Asked
from schemas.requests import BreakoutChange, PersonRequest, ShuffleRequest
from schemas.responses import BreakoutResponse
from schemas.states import BreakoutState, CloseReason, Deal, SeatState
from schemas.tables import Breakout, Room
from tests.services.hand import webhook
from tests.services.series import PEOPLE, Rounds, S, active, calls_of
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import wait_until


def pairs(breakout: BreakoutResponse) -> set[tuple[str, ...]]:
    groups = [sorted(one.custom_participant_id for one in room.participants) for room in breakout.rooms]
    return {pair for group in groups for pair in combinations(group, 2)}


def test_nobody_meets_twice_and_each_round_says_which_it_is(fresh: tuple[Deps, SandboxServer]) -> None:
    series = Rounds(fresh)
    shown = [series.shown(number) for number in (1, 2, 3)]
    assert [(it.name, it.round, it.series_id, it.state) for it in shown] == [
        (f"Round {number}", number, series.series_id, S.DRAFT) for number in (1, 2, 3)
    ]
    assert [len(room.participants) for it in shown for room in it.rooms] == [3] * 12
    met = [pairs(it) for it in shown]
    assert not (met[0] & met[1] | met[0] & met[2] | met[1] & met[2])
    assert series.repeated_pairs == 0


def test_together_and_apart_hold_in_every_round(fresh: tuple[Deps, SandboxServer]) -> None:
    rules = {"together": [["p00", "p01"]], "apart": [["p02", "p03", "p04"]]}
    series = Rounds(fresh, assignment={"seed": 7, **rules})
    for number in (1, 2, 3):
        met = pairs(series.shown(number))
        assert ("p00", "p01") in met
        assert not met & set(combinations(("p02", "p03", "p04"), 2))
    assert series.shown(1).assignment.together == [["p00", "p01"]]


def test_rules_that_contradict_each_other_are_refused_in_words(fresh: tuple[Deps, SandboxServer]) -> None:
    with pytest.raises(Malformed, match="p00 and p01"):
        Rounds(fresh, assignment={"together": [["p00", "p01"]], "apart": [["p00", "p01"]]})


def test_a_round_that_ends_schedules_the_next_after_the_gap(fresh: tuple[Deps, SandboxServer]) -> None:
    series = Rounds(fresh, gap_seconds=60)
    operations.start(series.hand.deps, series.ids[0])
    series.end(1)
    series.work(2, Breakout)
    second = series.shown(2)
    closed_at = series.shown(1).closed_at
    assert closed_at
    assert (second.state, second.starts_at) == (S.SCHEDULED, closed_at + timedelta(seconds=60))
    assert series.shown(3).state is S.DRAFT


def test_without_a_gap_the_next_round_opens_at_once(fresh: tuple[Deps, SandboxServer]) -> None:
    series = Rounds(fresh)
    operations.start(series.hand.deps, series.ids[0])
    series.end(1)
    series.work(2, Breakout)
    assert series.states() == [S.CLOSED, S.OPENING, S.DRAFT]


@pytest.mark.parametrize("reason", [CloseReason.ABORTED, CloseReason.PARENT_ENDED])
def test_after_a_bad_end_the_series_stops_and_says_so(fresh: tuple[Deps, SandboxServer], reason: CloseReason) -> None:
    series = Rounds(fresh)
    operations.start(series.hand.deps, series.ids[0])
    series.end(1, reason)
    series.work(2, Breakout)
    second = series.shown(2)
    assert (second.state, [problem.what for problem in second.problems]) == (S.DRAFT, ["series stopped"])
    assert operations.start(series.hand.deps, series.ids[1])


def test_a_cancelled_round_is_passed_over(fresh: tuple[Deps, SandboxServer]) -> None:
    series = Rounds(fresh)
    operations.start(series.hand.deps, series.ids[0])
    operations.cancel(series.hand.deps, series.ids[1])
    assert series.shown(3).state is S.DRAFT
    series.end(1)
    with series.hand.deps.database.transaction() as tx:
        tx.session.execute(update(Breakout).where(col(Breakout.id) == series.ids[2]).values(due_at=tx.now()))
    series.work(3, Breakout)
    assert series.states() == [S.CLOSED, S.CANCELLED, S.OPENING]


def test_a_round_that_is_made_a_draft_again_stays_one(fresh: tuple[Deps, SandboxServer]) -> None:
    series = Rounds(fresh, gap_seconds=600)
    operations.start(series.hand.deps, series.ids[0])
    series.end(1)
    series.work(2, Breakout)
    changing.change(series.hand.deps, series.ids[1], BreakoutChange(start="manual"))
    assert series.shown(2).state is S.DRAFT


def test_a_round_that_waits_can_be_left_to_a_caller(fresh: tuple[Deps, SandboxServer]) -> None:
    series = Rounds(fresh)
    changing.change(series.hand.deps, series.ids[1], BreakoutChange(start="manual"))
    series.open(1)
    series.close(1)
    series.work(2, Breakout)
    assert series.states() == [S.CLOSED, S.DRAFT, S.DRAFT]
    series.open(2)
    series.close(2)
    series.work(3, Breakout)
    assert series.shown(3).state is not S.DRAFT, "the next one waits still"


@pytest.mark.parametrize("first", [S.DRAFT, S.OPENING, S.CLOSED])
def test_the_rest_of_a_series_is_cancelled_whatever_the_first_does(
    fresh: tuple[Deps, SandboxServer], first: BreakoutState
) -> None:
    series = Rounds(fresh)
    if first is not S.DRAFT:
        operations.start(series.hand.deps, series.ids[0])
    if first is S.CLOSED:
        series.end(1)
    assert operations.cancel(series.hand.deps, series.ids[0], rest_of_series=True)
    assert series.states() == [S.CANCELLED if first is S.DRAFT else first, S.CANCELLED, S.CANCELLED]
    assert not operations.cancel(series.hand.deps, series.ids[0], rest_of_series=True)


def test_who_cancels_the_rest_holds_no_row_while_waiting_for_a_later_round(fresh: tuple[Deps, SandboxServer]) -> None:
    series = Rounds(fresh)
    database = series.hand.deps.database
    turns = [f"breakout {row_id}" for row_id in series.ids]

    def is_taken(name: str) -> bool:
        turn = database._turns.of(name)
        if is_free := turn.acquire(blocking=False):
            turn.release()
        return not is_free

    with ThreadPoolExecutor(1) as other:
        with database.transaction() as tx:
            tx.take_turn(turns[2])
            answer = other.submit(operations.cancel, series.hand.deps, series.ids[0], rest_of_series=True)
            wait_until(lambda: is_taken(turns[1]) or answer.done())
            tx.session.execute(update(Breakout).where(col(Breakout.id).in_(series.ids)).values(seed=1))
        assert answer.result()
    assert series.states() == [S.CANCELLED] * 3


def test_a_later_round_is_dealt_against_who_really_met(fresh: tuple[Deps, SandboxServer]) -> None:
    series = Rounds(fresh)
    series.open(1, there=PEOPLE[:6])
    registering.register(
        series.hand.deps, series.hand.meeting_id, [PersonRequest(custom_participant_id="late", name="Late")]
    )
    met = {pair for pair in pairs(series.shown(1)) if set(pair) <= set(PEOPLE[:6])}
    series.end(1)
    series.work(2, Breakout)
    second = series.shown(2)
    assert sum(len(room.participants) for room in second.rooms) == 13
    assert not met & pairs(second)


@pytest.mark.parametrize("there", [None, ["p00", "p05"], []])
@pytest.mark.parametrize("opened", [False, True])
def test_a_round_is_dealt_against_one_before_that_has_yet_to_open_or_to_be_joined(
    fresh: tuple[Deps, SandboxServer], opened: bool, there: list[str] | None
) -> None:
    series = Rounds(fresh, assignment={"seed": 7, "deal": "now"})
    if opened:
        series.open(1, there)
    else:
        operations.start(series.hand.deps, series.ids[0])
    changing.shuffle(series.hand.deps, series.ids[1], ShuffleRequest(seed=7))
    assert not pairs(series.shown(1)) & pairs(series.shown(2))


@pytest.mark.parametrize("start", ["manual", "now"])
def test_pairs_that_meet_again_are_counted_in_a_round_that_opens_too(
    fresh: tuple[Deps, SandboxServer], start: str
) -> None:
    series = Rounds(fresh, rooms=2, start=start)
    times = Counter(chain.from_iterable(pairs(series.shown(number)) for number in (1, 2, 3)))
    assert series.repeated_pairs == sum(number > 1 for number in times.values()) > 0


def test_rounds_are_the_same_groups_whether_they_are_dealt_in_one_go_or_one_by_one(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    series = Rounds(fresh, rounds=8, rooms=3, assignment={"seed": 7, "deal": "now"})
    for number in range(1, 9):
        before = series.shown(number)
        changing.shuffle(series.hand.deps, series.ids[number - 1], ShuffleRequest(seed=7))
        assert pairs(series.shown(number)) == pairs(before)


def test_the_rounds_share_child_meetings_and_a_later_one_costs_only_the_adds_of_people_new_to_a_room(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    series = Rounds(fresh)
    been: set[tuple[int, str]] = set()
    meetings: list[list[str | None]] = []
    for number in (1, 2, 3):
        before = calls_of(series)
        series.open(number)
        made = calls_of(series) - before
        now = {
            (room.index, it.custom_participant_id) for room in series.shown(number).rooms for it in room.participants
        }
        assert made["create_meeting"] == (4 if number == 1 else 0)
        assert made["add_participant"] == len(now - been)
        assert made["refresh_participant_token"] == 0
        been |= now
        meetings.append([room.realtimekit_meeting_id for room in series.shown(number).rooms])
        series.close(number)
        active = {meeting["id"] for meeting in series.hand.sandbox.state()["meetings"] if meeting["status"] == "ACTIVE"}
        assert set(meetings[0]) <= active if number < 3 else not set(meetings[0]) & active
    assert meetings[0] == meetings[1] == meetings[2]


@pytest.mark.parametrize("taken", [False, True])
def test_what_was_kept_for_rounds_that_are_cancelled_is_retired(fresh: tuple[Deps, SandboxServer], taken: bool) -> None:
    series = Rounds(fresh, gap_seconds=600)
    series.open(1)
    series.close(1)
    if taken:
        series.open(2)
        series.close(2)
    assert len(active(series)) == 4
    assert sweep_page(series.hand.deps, 1, dry_run=True).found == []
    operations.cancel(series.hand.deps, series.ids[0], rest_of_series=True)
    series.work(2 if taken else 1, Room)
    assert active(series) == set()


def test_late_news_of_a_round_that_is_over_counts_for_that_round(fresh: tuple[Deps, SandboxServer]) -> None:
    series = Rounds(fresh, rooms=1, gap_seconds=0)
    series.open(1, there=PEOPLE[1:])
    seat = series.hand.look("p00")
    peer = series.hand.sandbox.join(seat.auth_token or "")
    series.hand.sandbox.leave(peer["peer_id"])
    (told,) = [it for it in series.hand.sandbox.state()["peers"] if it["peer_id"] == peer["peer_id"]]
    series.close(1)
    series.open(2, there=[])
    series.hand.deliver(webhook("Joined", told), webhook("Left", told))
    series.hand.apply()
    states = {it.custom_participant_id: it.state for it in series.shown(2).rooms[0].participants}
    assert set(states.values()) == {SeatState.INVITED}
    earlier = {it.custom_participant_id: it.state for it in series.shown(1).rooms[0].participants}
    series.work(1, Breakout)
    assert earlier["p00"] in (SeatState.NEVER_JOINED, SeatState.RETURNED)
    assert {it.custom_participant_id: it.state for it in series.shown(1).rooms[0].participants}["p00"] == "returned"


@pytest.mark.parametrize("then", ["prepared", "cancelled", "scheduled"])
def test_late_news_of_a_round_is_about_no_round_that_has_not_begun(
    fresh: tuple[Deps, SandboxServer], then: str
) -> None:
    series = Rounds(fresh, rooms=1, gap_seconds=600)
    series.open(1, there=PEOPLE[1:])
    peer = series.hand.sandbox.join(series.hand.look("p00").auth_token or "")
    series.hand.sandbox.leave(peer["peer_id"])
    (told,) = [it for it in series.hand.sandbox.state()["peers"] if it["peer_id"] == peer["peer_id"]]
    series.close(1)
    series.work(2, Breakout)
    if then != "scheduled":
        changing.change(series.hand.deps, series.ids[1], BreakoutChange.model_validate({"start": "manual"}))
    operations.prepare(series.hand.deps, series.ids[1])
    series.work(2, Breakout, Room)
    if then == "cancelled":
        operations.cancel(series.hand.deps, series.ids[1])
    series.hand.deliver(webhook("Joined", told), webhook("Left", told))
    series.hand.apply()
    with series.hand.deps.database.reading() as session:
        rows = [attendance.page(session, series.ids[number], Asked(100)).items for number in (0, 1)]
    assert [[row.custom_participant_id for row in page].count("p00") for page in rows] == [1, 0]


def test_a_round_is_changed_by_what_rounds_take(fresh: tuple[Deps, SandboxServer]) -> None:
    rules = {"seed": 7, "together": [["p00", "p01"]], "apart": [["p02", "p03"]]}
    series = Rounds(fresh, assignment=rules)
    change = BreakoutChange.model_validate({"name": "Second", "assignment": {"seed": 8}})
    changing.change(series.hand.deps, series.ids[1], change)
    shown = series.shown(2)
    assert (shown.name, shown.seed, shown.assignment.together) == ("Second", 8, [["p00", "p01"]])
    with series.hand.deps.database.reading() as session:
        assert session.get_one(Breakout, series.ids[1]).deal is Deal.AT_START
    for refused in ({"assignment": {"balance_by": ["team"]}}, {"from_breakout": series.ids[0]}):
        with pytest.raises(Malformed):
            changing.change(series.hand.deps, series.ids[1], BreakoutChange.model_validate(refused))
    assert series.shown(2) == shown


def test_a_change_to_rules_that_contradict_each_other_is_refused_too(fresh: tuple[Deps, SandboxServer]) -> None:
    series = Rounds(fresh)
    before = series.shown(2)
    wrong = {"assignment": {"together": [["p00", "p01"]], "apart": [["p00", "p01"]]}}
    with pytest.raises(Malformed, match="p00 and p01"):
        changing.change(series.hand.deps, series.ids[1], BreakoutChange.model_validate(wrong))
    assert series.shown(2) == before


def test_rounds_that_name_nobody_any_more_still_count_for_later_ones(fresh: tuple[Deps, SandboxServer]) -> None:
    """Who has met whom is known by who stands for them, and so is who has a record in which child meeting."""
    series = Rounds(fresh)
    met: list[set[tuple[str, ...]]] = []
    for number in (1, 2, 3):
        series.open(number)
        met.append(pairs(series.shown(number)))
        series.close(number)
        with locked(series.hand.deps, series.ids[number - 1]) as b:
            forget_people(b, eraser_of_all(b))
    assert not (met[0] & met[1] | met[0] & met[2] | met[1] & met[2])
    records = Counter(
        (it["meeting_id"], it["custom_participant_id"]) for it in series.hand.sandbox.state()["participants"]
    )
    assert set(records.values()) == {1}
