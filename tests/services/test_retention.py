"""Breakouts that ended long ago lose all that names a person; the people stay registered in their meeting."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlmodel import col

from orchestrator.services.breakout import changes, operations
from orchestrator.services.breakout.locked import locked
from orchestrator.services.deps import Deps
from orchestrator.services.idempotency import keys
from orchestrator.services.meetings import registering, removing
from orchestrator.services.planning import creating as planning
from orchestrator.services.upkeep import retention, sweeps
from orchestrator.services.views import assignments, breakouts, event_log, meetings
from orchestrator.services.views.pages import Asked
from schemas.events import ActorKind, ProblemKind
from schemas.requests import BreakoutChange, BreakoutRequest, PersonRequest
from schemas.states import BreakoutState, Role
from schemas.tables import OLD_NAMES, Breakout, Fact, IdempotencyKey, Participant, Sweep
from tests.services.browser import Browser
from tests.services.hand import Hand, webhook
from tests.services.test_departures import finish_leftovers
from tests.support.dumps import dump
from tests.support.queries import count_queries
from tests.support.sandbox_server import SandboxServer

GONE = "walter-9@example.com"
PEOPLE = ["vera-8@example.com", "ulla-7@example.com", GONE]


def test_an_old_breakout_names_nobody_any_more(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = _held(fresh)
    removing.remove(hand.deps, hand.meeting_id, GONE, erase=False)
    with locked(hand.deps, hand.breakout_id) as b:
        b.report(ProblemKind.ROOM_MENDED, f"{PEOPLE[0]} did it", custom_participant_id=PEOPLE[0])
    before = _reports(hand)
    _forget(hand, days=0.0)
    texts = _reports(hand)
    assert all(name in "".join(before) for name in PEOPLE)
    assert not any(name in text for name in PEOPLE for text in texts)
    named = sum("".join(before).count(name) for name in PEOPLE)
    assert "".join(texts).count("erased-") == named - 2, "a text in the log and in problems is replaced as a whole"
    with hand.deps.database.reading() as session:
        people = meetings.participants(session, hand.meeting_id, Asked(200, None, newest_first=False)).items
    assert {person.custom_participant_id for person in people} == set(PEOPLE) - {GONE}
    assert GONE not in dump(hand.deps.database), "nothing that is kept names who has left"


def test_one_that_ended_later_keeps_its_names(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = _held(fresh)
    for days in (1.0, None):
        before = _reports(hand)
        _forget(hand, days=days)
        assert _reports(hand) == before


def test_cancelled_and_failed_ones_lose_their_names_too(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, PEOPLE, rooms=2, start="manual", assignment={"mode": "even", "apart": [PEOPLE[:2]]})
    operations.cancel(hand.deps, hand.breakout_id)
    with hand.deps.database.reading() as session:
        assert breakouts.breakout(session, hand.breakout_id).closed_at is not None
    _forget(hand, days=0.0)
    assert not any(name in text for name in PEOPLE for text in _reports(hand))


def test_kept_answers_lose_their_names_too_and_go_after_a_day(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = _held(fresh)
    other = planning.create(hand.deps, hand.meeting_id, BreakoutRequest(rooms=2, start="manual"))
    with hand.deps.database.reading() as session:
        ours, theirs = (breakouts.breakout(session, it).model_dump_json() for it in (hand.breakout_id, other))
    room = json.loads(ours)["rooms"][0]["id"]
    help_asked = json.dumps({"room_id": room, "custom_participant_id": PEOPLE[0], "asked_at": None})
    rounds = f'{{"items": [{ours}]}}'
    meeting = hand.meeting_id
    answers = [(hand.breakout_id, ours), (meeting, ours), (meeting, rounds), (meeting, help_asked), (meeting, theirs)]
    with hand.deps.database.transaction() as tx:
        for number, (about, answer) in enumerate(answers):
            keys.add(tx, _kept(f"{hand.breakout_id} {number}", about, answer, tx.now()))
        keys.add(tx, _kept("of yesterday", meeting, theirs, tx.now() - timedelta(hours=25)))
    _forget(hand, days=0.0)
    with hand.deps.database.reading() as session:
        mine = col(IdempotencyKey.about).in_([meeting, hand.breakout_id])
        texts = session.scalars(select(col(IdempotencyKey.answer)).where(mine).order_by(col(IdempotencyKey.id))).all()
    assert [any(name in str(text) for name in PEOPLE) for text in texts] == [False, False, False, False, True]


def _kept(key: str, about: str, answer: str, at: datetime) -> IdempotencyKey:
    return IdempotencyKey(id=key, body_hash="", created_at=at, status=200, answer=answer, about=about)


def test_late_news_names_nobody_in_an_old_breakout(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = _held(fresh)
    peer = next(it for it in hand.sandbox.state()["peers"] if it["meeting_id"] in hand.places())
    _forget(hand, days=0.0)
    hand.deliver(webhook("Left", peer))
    hand.apply()
    assert not any(name in text for name in PEOPLE for text in _reports(hand))


def test_a_host_who_changes_an_old_breakout_is_not_named_in_it(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = _held(fresh)
    _forget(hand, days=0.0)
    as_host = replace(hand.deps, actor=ActorKind.HOST.named(PEOPLE[0]))
    changes.change(as_host, hand.breakout_id, BreakoutChange(name="A better name"))
    with hand.deps.database.reading() as session:
        (*_, last) = event_log.after(session, hand.breakout_id, 0, 1000)
    assert (last.type, last.data) == ("breakout.changed", {"fields": ["name"]})
    assert last.actor.startswith("host:erased-")


def test_a_host_without_a_seat_who_has_left_loses_their_name_in_each_breakout_in_its_time(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    hand, later = _cancelled_by_host(fresh, "yvonne-5@example.com")
    _age(hand, hand.breakout_id)
    _forget(hand, days=1.0)
    assert (_actor(hand, hand.breakout_id)[:12], _actor(hand, later)) == ("host:erased-", "host:yvonne-5@example.com")
    _forget(hand, days=0.0)
    assert "yvonne-5@example.com" not in dump(hand.deps.database)


def test_a_host_without_a_seat_can_be_erased_although_some_breakouts_name_nobody_any_more(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    hand, _ = _cancelled_by_host(fresh, "xaver-4@example.com")
    _age(hand, hand.breakout_id)
    _forget(hand, days=1.0)
    removing.remove(hand.deps, hand.meeting_id, "xaver-4@example.com", erase=True)
    assert "xaver-4@example.com" not in dump(hand.deps.database)


def test_who_has_left_twice_is_forgotten_both_times(fresh: tuple[Deps, SandboxServer]) -> None:
    hand, name = _held(fresh), "zita-3@example.com"
    for _ in range(2):
        registering.register(hand.deps, hand.meeting_id, [PersonRequest(custom_participant_id=name, name=name)])
        removing.remove(hand.deps, hand.meeting_id, name, erase=False)
    _forget(hand, days=0.0)
    assert name not in dump(hand.deps.database)


def _cancelled_by_host(fresh: tuple[Deps, SandboxServer], name: str) -> tuple[Hand, str]:
    """Let a host whom no breakout seats cancel two of them and leave for good. Returns the id of the second too."""
    hand = Hand(*fresh, PEOPLE, rooms=2, start="manual")
    person = PersonRequest(custom_participant_id=name, name=name, role=Role.HOST)
    registering.register(hand.deps, hand.meeting_id, [person])
    later = planning.create(hand.deps, hand.meeting_id, BreakoutRequest(rooms=2, start="manual"))
    for breakout_id in (hand.breakout_id, later):
        operations.cancel(replace(hand.deps, actor=ActorKind.HOST.named(name)), breakout_id)
    removing.remove(hand.deps, hand.meeting_id, name, erase=False)
    return hand, later


def _age(hand: Hand, breakout_id: str) -> None:
    """Let a breakout have ended long ago."""
    with hand.deps.database.transaction() as tx:
        tx.session.get_one(Breakout, breakout_id).closed_at = tx.now() - timedelta(days=3)


def _actor(hand: Hand, breakout_id: str) -> str:
    """Return who did what happened last in a breakout."""
    with hand.deps.database.reading() as session:
        return event_log.after(session, breakout_id, 0, 1000)[-1].actor


def test_who_is_removed_later_has_no_record_left_in_rooms_of_an_old_breakout(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    hand = _held(fresh)
    _forget(hand, days=0.0)
    assert any(PEOPLE[0] in hand.sandbox.records(place or "") for place in hand.places())
    removing.remove(hand.deps, hand.meeting_id, PEOPLE[0], erase=True)
    finish_leftovers(hand)
    assert not any(PEOPLE[0] in hand.sandbox.records(place or "") for place in (hand.parent(), *hand.places()))
    assert any(PEOPLE[1] in hand.sandbox.records(place or "") for place in hand.places())


def test_a_crowd_is_forgotten_in_a_few_statements(fresh: tuple[Deps, SandboxServer]) -> None:
    """SQLite lets nobody else write meanwhile."""
    hand = Hand(*fresh, [f"{number}@crowd.example.com" for number in range(100)], rooms=10)
    _age(hand, hand.breakout_id)
    with hand.deps.database.transaction() as tx:
        tx.session.get_one(Breakout, hand.breakout_id).state = BreakoutState.CLOSED
    assert count_queries(hand.deps.database, lambda: _forget(hand, days=1.0)) < 100
    assert "@crowd" not in "".join(_reports(hand))


def test_one_stands_for_a_person_in_all_old_breakouts_of_a_meeting(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, PEOPLE, rooms=2, start="manual")
    again = [planning.create(hand.deps, hand.meeting_id, BreakoutRequest(rooms=2, start="manual")) for _ in range(2)]
    for breakout_id in (hand.breakout_id, *again):
        operations.cancel(hand.deps, breakout_id)
    _forget(hand, days=0.0)
    with hand.deps.database.reading() as session:
        mine = col(Participant.former_meeting_id) == hand.meeting_id
        names = session.scalars(select(col(Participant.custom_participant_id)).where(mine)).all()
        shown = [breakouts.breakout(session, it) for it in (hand.breakout_id, *again)]
    assert len(names) == len(PEOPLE)
    for it in shown:
        assert {person.custom_participant_id for room in it.rooms for person in room.participants} == set(names)


def test_others_write_between_breakouts_that_take_long(
    fresh: tuple[Deps, SandboxServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PASS_SECONDS", 0.0)
    deps = replace(fresh[0], settings=fresh[0].settings.model_copy(update={"retention_days": 1.0}))
    hands = [Hand(*fresh, PEOPLE, rooms=2, start="manual") for _ in range(2)]
    for hand in hands:
        operations.cancel(deps, hand.breakout_id)
        _age(hand, hand.breakout_id)
    sweeps.plan(deps)
    assert (_pass(deps), _named(hands)) == ("1 breakout without names", 1)
    with deps.database.transaction() as tx:
        due_at = tx.session.get_one(Sweep, OLD_NAMES).due_at
        assert due_at is not None
        assert timedelta(seconds=0.5) < due_at - tx.now() <= timedelta(seconds=1)
    assert (_pass(deps), _named(hands)) == ("1 breakout without names", 0)


def _pass(deps: Deps) -> str:
    """Do one pass, and return what came of it."""
    with deps.database.reading() as session:
        claim = session.get_one(Sweep, OLD_NAMES).claim
    return sweeps.sweep(deps, OLD_NAMES, claim).words


def _named(hands: Sequence[Hand]) -> int:
    """Return how many of these breakouts still keep their names."""
    with hands[0].deps.database.reading() as session:
        return sum(session.get_one(Breakout, hand.breakout_id).names_kept for hand in hands)


def test_webhooks_are_known_again_for_a_month(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = _held(fresh)
    with hand.deps.database.transaction() as tx:
        facts = tx.session.scalars(select(Fact).where(col(Fact.inbox_id) == hand.meeting_id)).all()
        assert len(facts) > 1
        assert {fact.payload for fact in facts} == {""}, "what they said is not kept"
        facts[0].received_at -= timedelta(days=31)
    _forget(hand, days=None)
    with hand.deps.database.reading() as session:
        assert len(session.scalars(select(Fact).where(col(Fact.inbox_id) == hand.meeting_id)).all()) == len(facts) - 1


def _held(fresh: tuple[Deps, SandboxServer]) -> Hand:
    """Hold a breakout from its start to its end, with everybody in it and home again."""
    hand = Hand(*fresh, PEOPLE, rooms=2)
    browsers = [Browser(hand, name) for name in PEOPLE]
    for browser in browsers:
        browser.follow()
    operations.close(hand.deps, hand.breakout_id, 0)
    hand.pass_grace()
    for browser in browsers:
        browser.follow()
    hand.pass_second_grace()
    with hand.deps.database.reading() as session:
        assert breakouts.breakout(session, hand.breakout_id).state is BreakoutState.CLOSED
    return hand


def _forget(hand: Hand, days: float | None) -> None:
    deps = replace(hand.deps, settings=hand.deps.settings.model_copy(update={"retention_days": days}))
    sweeps.plan(deps)
    while True:
        with deps.database.transaction() as tx:
            row = tx.session.get_one(Sweep, OLD_NAMES)
            is_due = row.due_at is not None and row.due_at <= tx.now() + timedelta(minutes=1)
        if not is_due:
            return
        sweeps.sweep(deps, OLD_NAMES, row.claim)


def _reports(hand: Hand) -> list[str]:
    """Return everything that is answered about the breakout."""
    with hand.deps.database.reading() as session:
        return [
            breakouts.breakout(session, hand.breakout_id).model_dump_json(),
            *(event.model_dump_json() for event in event_log.after(session, hand.breakout_id, 0, 1000)),
            str(assignments.rows(session, hand.breakout_id)),
        ]
