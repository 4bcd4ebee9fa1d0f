"""A deleted meeting leaves nothing here, and at RealtimeKit only what its caller may know: the main meeting."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import update
from sqlmodel import col

from orchestrator.errors import Unknown, WrongState
from orchestrator.realtimekit.records import RecordingRecord
from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import changing, deleting, registering, removing
from orchestrator.services.people import acks, inbox
from orchestrator.services.people.inbox import Said
from orchestrator.services.recordings import running
from orchestrator.services.upkeep import sweeps
from orchestrator.services.upkeep.orphans import Fate
from orchestrator.services.upkeep.sweep import sweep_page
from orchestrator.services.views import breakouts, event_log
from orchestrator.services.webhooks import incoming
from orchestrator.store.database import Transaction
from orchestrator.store.queries import participant_ids
from schemas.columns import new_id
from schemas.problems import ProblemCode
from schemas.requests import AckRequest, MeetingChange, PersonRequest
from schemas.states import BreakoutState, FactSource, RoomState, RoomWanted
from schemas.tables import OLD_NAMES, Breakout, Leftover, Meeting, Room, Sweep
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


def _remove(hand: Hand) -> None:
    removing.remove(hand.deps, hand.meeting_id, "ana", erase=False)


def _erase(hand: Hand) -> None:
    registering.register(hand.deps, hand.meeting_id, [PersonRequest(custom_participant_id="cy", name="Cy")])
    removing.remove(hand.deps, hand.meeting_id, "cy", erase=True)


def _change_end(hand: Hand) -> None:
    ends_at = datetime.now(UTC) + timedelta(hours=1)
    changing.change(hand.deps, hand.meeting_id, MeetingChange.model_validate({"ends_at": ends_at.isoformat()}))


def _forget_names(hand: Hand) -> None:
    _end(hand)
    deps = replace(hand.deps, settings=hand.deps.settings.model_copy(update={"retention_days": 0.0}))
    sweeps.plan(deps)
    with deps.database.reading() as session:
        claim = session.get_one(Sweep, OLD_NAMES).claim
    sweeps.sweep(deps, OLD_NAMES, claim)


def _compare_recordings(hand: Hand) -> None:
    _set_rooms(hand, state=RoomState.OPEN, wanted=RoomWanted.OPEN)
    running.compare(hand.deps, [RecordingRecord("strange", "RECORDING", meeting_id=next(iter(hand.places())))])


def _sweep(hand: Hand) -> None:
    hand.sandbox.join(hand.tokens()["ana"])
    place = next(place for place in hand.places() if place and hand.sandbox.present(place))
    hand.sandbox.rest("POST", "/recordings", {"meeting_id": place})
    _set_rooms(hand, state=RoomState.CLOSED, wanted=RoomWanted.CLOSED, retired_at=datetime.now(UTC))
    swept = sweep_page(hand.deps, 1)
    assert [it.fate for it in swept.found if it.kind == "recording"] == [Fate.STOPPED]


@pytest.mark.parametrize("work", [_remove, _erase, _change_end, _forget_names, _compare_recordings, _sweep])
def test_work_on_a_breakout_that_is_deleted_before_it_is_locked_goes_on(
    draft: Hand, work: Callable[[Hand], None]
) -> None:
    with before_the_turn(draft, lambda: _delete(draft)):
        work(draft)
    finish_leftovers(draft)
    assert draft.breakout_id not in dump(draft.deps.database)


def test_what_is_left_of_somebody_is_removed_although_their_meeting_is_deleted(draft: Hand) -> None:
    places = [draft.parent(), *draft.places()]
    _end(draft)
    _remove(draft)
    with before_the_turn(draft, lambda: _delete(draft)):
        draft.work(Leftover)
    finish_leftovers(draft)
    assert all("ana" not in draft.sandbox.records(place or "") for place in places)


def _register(hand: Hand) -> None:
    registering.register(hand.deps, hand.meeting_id, [PersonRequest(custom_participant_id="cy", name="Cy")])


def _set_present(hand: Hand) -> None:
    acks.set_present(hand.deps, hand.meeting_id, "ana", present=True)


@pytest.mark.parametrize("request_", [_register, _set_present, _remove])
def test_a_request_about_a_meeting_that_is_deleted_meanwhile_is_told_so(
    draft: Hand, request_: Callable[[Hand], None]
) -> None:
    _end(draft)
    with before_the_turn(draft, lambda: _delete(draft)), pytest.raises(Unknown) as refused:
        request_(draft)
    assert refused.value.code is ProblemCode.UNKNOWN_MEETING


def test_facts_about_a_meeting_that_is_deleted_meanwhile_are_passed_over(draft: Hand) -> None:
    _end(draft)
    said = acks.Ack(draft.ids()["ana"], AckRequest(location="main", version=1))
    assert acks.store_all(draft.deps, [said]) == [None]
    with before_the_turn(draft, lambda: _delete(draft)):
        draft.apply()


@contextmanager
def before_the_turn(hand: Hand, happens: Callable[[], None]) -> Iterator[None]:
    """Let something happen when the breakout is known by its id, and has yet to be locked."""
    take_turn, asked = Transaction.take_turn, list[str]()

    def late(tx: Transaction, name: str) -> None:
        if name == f"breakout {hand.breakout_id}" and not asked:
            asked.append(name)
            happens()
        take_turn(tx, name)

    with patch.object(Transaction, "take_turn", late):
        yield
    assert asked


def _set_rooms(hand: Hand, **values: Any) -> None:
    with hand.deps.database.transaction() as tx:
        tx.session.execute(update(Room).where(col(Room.breakout_id) == hand.breakout_id).values(**values))


def _end(hand: Hand) -> None:
    """End the breakout as one that ended long ago."""
    with hand.deps.database.transaction() as tx:
        mine = update(Breakout).where(col(Breakout.id) == hand.breakout_id)
        ended = {"state": BreakoutState.CLOSED, "closed_at": tx.now() - timedelta(hours=1), "due_at": None}
        tx.session.execute(mine.values(**ended))


def _delete(hand: Hand) -> None:
    _end(hand)
    deleting.delete_meeting(hand.deps, hand.meeting_id)


def test_what_comes_while_a_meeting_is_deleted_is_passed_over(fresh: Built) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1, start="manual")
    with hand.deps.database.reading() as session:
        (ana,) = participant_ids(session, hand.meeting_id, ["ana"]).values()
        parent = session.get_one(Meeting, hand.meeting_id).realtimekit_meeting_id
    body = json.dumps({"event": "meeting.started", "meeting": {"id": parent, "sessionId": "s"}}).encode()
    write, looks = inbox.append, list[int]()

    def deleted_between(tx: Transaction, source: FactSource, said: Sequence[Said]) -> None:
        looks.append(len(said))
        write(tx, source, said if len(looks) > 1 else [one._replace(inbox_id=new_id()) for one in said])

    with patch.object(inbox, "append", deleted_between):
        assert incoming.store_all(hand.deps, [incoming.Delivery("d", body)]) == [None]
        assert looks == [1, 1], "it looks and writes once more"
        looks.clear()
        assert acks.store_all(hand.deps, [acks.Ack(ana, AckRequest(location="main", version=1))]) == [None]
        assert looks == [1, 1]
