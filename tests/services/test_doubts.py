"""A meeting that was made without an answer is found, however RealtimeKit searches, lists and counts."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.passes.doubt import Doubt, find_ours
from schemas.tables import Breakout, Room
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer

SEARCHES = ("substring", "exact", "prefix", "words", "nothing", "everything")
LISTS: dict[str, dict[str, Any]] = {
    "as documented": {},
    "oldest first": {"meetings_order": "oldest_first"},
    "in no order": {"meetings_order": "by_title"},
    "without start_time": {"start_time_compares": "nothing"},
    "by the time of the session": {"start_time_compares": "session"},
    "by the time of the session, oldest first": {"start_time_compares": "session", "meetings_order": "oldest_first"},
    "by the latest change, in no order": {"start_time_compares": "updated_at", "meetings_order": "by_title"},
}


@pytest.fixture
def hand(fresh: tuple[Deps, SandboxServer]) -> Hand:
    """Plan a breakout with one room, among meetings of other people."""
    return Hand(*fresh, ["ana"], rooms=1, start="manual")


@pytest.mark.parametrize("search", SEARCHES)
def test_it_is_adopted_however_a_search_matches(hand: Hand, search: str) -> None:
    hand.sandbox.switches(search_matches=search)
    _open_without_an_answer(hand)
    assert _living_rooms(hand) == hand.places() != {None}


@pytest.mark.parametrize("switches", LISTS.values(), ids=LISTS)
def test_it_is_adopted_however_meetings_are_listed(hand: Hand, switches: dict[str, Any]) -> None:
    hand.sandbox.switches(search_matches="nothing", **switches)
    _open_without_an_answer(hand)
    assert _living_rooms(hand) == hand.places() != {None}


def test_it_is_adopted_although_realtimekits_clock_is_behind(hand: Hand) -> None:
    hand.sandbox.switches(search_matches="nothing")
    _start_without_an_answer(hand)
    for room in _living_rooms(hand):
        hand.sandbox.age(room, 300)
    hand.work(Room)
    assert _living_rooms(hand) == hand.places() != {None}


@pytest.mark.parametrize("search", SEARCHES)
def test_a_surplus_one_is_retired_with_its_room(hand: Hand, search: str) -> None:
    hand.sandbox.switches(search_matches=search)
    _open_without_an_answer(hand)
    (room,) = (it for it in hand.sandbox.state()["meetings"] if it["id"] in hand.places())
    kit = hand.deps.realtimekit
    kit.run(kit.create_meeting(room["title"]))
    operations.close(hand.deps, hand.breakout_id, 0)
    hand.pass_grace()
    assert _living_rooms(hand) == set()


def test_a_search_that_finds_it_makes_no_list_necessary(hand: Hand) -> None:
    hand.sandbox.forget_calls()
    _open_without_an_answer(hand)
    assert hand.sandbox.calls()["counts"]["get_meetings"] == 1


def test_many_that_were_not_made_cost_few_lists(hand: Hand) -> None:
    hand.sandbox.latency(get_meetings=30)
    hand.sandbox.forget_calls()
    doubts = [Doubt(f"{number:012x}", datetime.now(UTC), lambda: None) for number in range(40)]
    with ThreadPoolExecutor(len(doubts)) as threads:
        found = list(threads.map(partial(find_ours, hand.deps), doubts))
    assert not any(found)
    assert hand.sandbox.calls()["counts"]["get_meetings"] < 2 * len(doubts)


def _open_without_an_answer(hand: Hand) -> None:
    """Open the room, in two passes: the first does not learn that it has made the meeting."""
    _start_without_an_answer(hand)
    hand.work(Room)


def _start_without_an_answer(hand: Hand) -> None:
    hand.sandbox.faults({"operation": "create_meeting", "kind": "error_after"})
    operations.start(hand.deps, hand.breakout_id)
    hand.work(Breakout, Room)


def _living_rooms(hand: Hand) -> set[str]:
    return {it["id"] for it in hand.sandbox.state()["meetings"] if it["status"] == "ACTIVE" and " · " in it["title"]}
