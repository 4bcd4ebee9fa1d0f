"""A deleted meeting leaves nothing here, and at RealtimeKit only what its caller may know: the main meeting."""

import json
from collections.abc import Sequence
from unittest.mock import patch

import pytest

from orchestrator.errors import Unknown, WrongState
from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import deleting, removing
from orchestrator.services.people import acks, inbox
from orchestrator.services.views import breakouts, event_log
from orchestrator.services.webhooks import incoming
from orchestrator.store.database import Transaction
from orchestrator.store.queries import participant_ids
from schemas.columns import new_id
from schemas.requests import AckRequest
from schemas.tables import Breakout, Fact, Leftover, Meeting, Room
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


def test_what_comes_while_a_meeting_is_deleted_is_passed_over(fresh: Built) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1, start="manual")
    with hand.deps.database.reading() as session:
        (ana,) = participant_ids(session, hand.meeting_id, ["ana"]).values()
        parent = session.get_one(Meeting, hand.meeting_id).realtimekit_meeting_id
    body = json.dumps({"event": "meeting.started", "meeting": {"id": parent, "sessionId": "s"}}).encode()
    write, looks = inbox.append, list[int]()

    def deleted_between(tx: Transaction, facts: Sequence[Fact]) -> None:
        looks.append(len(facts))
        if len(looks) == 1:
            for fact in facts:
                fact.inbox_id = new_id()
        write(tx, facts)

    with patch.object(inbox, "append", deleted_between):
        assert incoming.store_all(hand.deps, [incoming.Delivery("d", body)]) == [None]
        assert looks == [1, 1], "it looks and writes once more"
        looks.clear()
        assert acks.store_all(hand.deps, [acks.Ack(ana, AckRequest(location="main", version=1))]) == [None]
        assert looks == [1, 1]
