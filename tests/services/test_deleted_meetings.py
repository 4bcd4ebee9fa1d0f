"""A deleted meeting leaves nothing here, and at RealtimeKit only what its caller may know: the main meeting."""

import pytest

from orchestrator.errors import Unknown, WrongState
from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import deleting, removing
from orchestrator.services.views import breakouts, event_log
from schemas.tables import Breakout, Leftover, Room
from tests.services.browser import Browser
from tests.services.hand import Hand
from tests.services.test_departures import finish_leftovers
from tests.support.dumps import dump
from tests.support.sandbox_server import SandboxServer

Built = tuple[Deps, SandboxServer]


def test_nothing_of_it_is_left_but_its_main_meeting(draft: Hand) -> None:
    parent, places = draft.parent(), draft.places()
    deleting.delete_meeting(draft.deps, draft.meeting_id)
    assert dump(draft.deps.database).count(draft.meeting_id) == 2, "the leftover's id, and its meeting's"
    draft.work(Leftover)
    statuses = {it["id"]: it["status"] for it in draft.sandbox.state()["meetings"]}
    assert statuses[parent] == "ACTIVE"
    assert {statuses[place or ""] for place in places} == {"INACTIVE"}
    finish_leftovers(draft)
    assert draft.meeting_id not in dump(draft.deps.database)
    assert draft.breakout_id not in dump(draft.deps.database)
    with draft.deps.database.reading() as session, pytest.raises(Unknown):
        event_log.after(session, draft.breakout_id, 0, 10) or breakouts.breakout(session, draft.breakout_id)


def test_one_whose_breakout_runs_stays(fresh: Built) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1)
    with pytest.raises(WrongState) as refused:
        deleting.delete_meeting(hand.deps, hand.meeting_id)
    assert refused.value.extra["breakout_id"] == hand.breakout_id
    assert "open" not in refused.value.extra["allowed"]


def test_a_held_breakout_goes_with_it(fresh: Built) -> None:
    hand = Hand(*fresh, ["ana", "bo"], rooms=1)
    ana = Browser(hand, "ana")
    ana.follow()
    operations.close(hand.deps, hand.breakout_id, 0)
    hand.pass_grace()
    ana.follow()
    hand.pass_second_grace()
    removing.remove(hand.deps, hand.meeting_id, "bo", erase=False)
    places = [hand.parent(), *hand.places()]
    deleting.delete_meeting(hand.deps, hand.meeting_id)
    finish_leftovers(hand)
    assert ["bo" in hand.sandbox.records(place or "") for place in places] == [False, False]
    assert "ana" in hand.sandbox.records(places[0] or ""), "nobody has removed her"


def test_a_pass_that_was_under_way_ends_quietly(draft: Hand) -> None:
    deleting.delete_meeting(draft.deps, draft.meeting_id)
    draft.work(Breakout, Room)
