"""Calls that RealtimeKit refuses, or does not answer in time, are repeated after pauses, and nobody is forgotten."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from orchestrator.services.breakout import moving, operations
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import registering
from orchestrator.services.views import breakouts
from schemas.requests import PersonRequest
from schemas.states import RoomState, SeatState
from schemas.tables import Breakout, Meeting, Participant, Room
from tests.api.conftest import parts
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer


@pytest.fixture
def hand(fresh: tuple[Deps, SandboxServer]) -> Hand:
    """Open a breakout with Ana and Bo in one room."""
    return Hand(*fresh, ["ana", "bo"], rooms=1)


def test_a_refused_token_for_main_is_not_asked_for_in_every_pass(hand: Hand) -> None:
    cy = _register(hand, "cy", "mistyped")
    before = _adds(hand)
    for _ in range(3):
        assert hand.seat(cy).auth_token is None
        hand.work(Meeting)
        hand.poll()
    assert _adds(hand) == before + 1


def test_a_person_who_was_refused_gets_a_token_after_a_corrected_registration(hand: Hand) -> None:
    cy = _register(hand, "cy", "mistyped")
    hand.seat(cy)
    hand.work(Meeting)
    assert _register(hand, "cy", "group_call_participant") == cy
    hand.work(Meeting)
    assert hand.main_token("cy")


def test_a_token_that_was_refused_for_a_moment_is_asked_for_again(hand: Hand) -> None:
    cy = _register(hand, "cy", "group_call_participant")
    hand.sandbox.faults({"operation": "add_participant", "kind": "refuse", "match": '"cy"'})
    hand.seat(cy)
    hand.work(Meeting)
    assert hand.main_token("cy") == ""
    _let_pauses_pass(hand)
    hand.work(Meeting)
    assert hand.main_token("cy")


def test_a_person_without_a_token_for_main_is_reported_once(hand: Hand) -> None:
    cy = _register(hand, "cy", "mistyped")
    for _ in range(2):
        hand.seat(cy)
        hand.work(Meeting)
        _let_pauses_pass(hand)
    with hand.deps.database.reading() as session:
        problems = breakouts.breakout(session, hand.breakout_id).problems
    assert [(it.what, it.custom_participant_id) for it in problems] == [("participant refused", "cy")]


def test_a_person_who_could_not_be_admitted_before_the_start_is_admitted_at_the_start(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    hand = Hand(*fresh, ["ana", "bo"], rooms=2, start="manual")
    operations.prepare(hand.deps, hand.breakout_id)
    hand.work(Breakout, Room)
    hand.sandbox.faults({"operation": "add_participant", "kind": "error_before", "times": None})
    moving.move_person(hand.deps, hand.breakout_id, "ana", _other_room(hand, "ana"))
    for _ in range(hand.deps.settings.room_tries + 1):
        hand.work(Room)
    hand.sandbox.faults()
    operations.start(hand.deps, hand.breakout_id)
    hand.work(Breakout, Room, Breakout)
    assert hand.seats() == {"ana": SeatState.INVITED, "bo": SeatState.INVITED}


def test_a_create_without_an_answer_is_in_doubt_from_when_it_failed(
    sqlite_url: str, broker_url: str, tmp_path: Path
) -> None:
    urls = {"database_url": sqlite_url, "broker_url": broker_url}
    with SandboxServer() as sandbox, parts(sandbox, tmp_path, **urls, realtimekit_timeout_seconds=4) as deps:
        hand = Hand(deps, sandbox, ["ana"], rooms=1, start="manual")
        sandbox.faults({"operation": "create_meeting", "kind": "timeout_after", "seconds": 8})
        operations.start(deps, hand.breakout_id)
        hand.work(Breakout)
        began = _now(hand)
        hand.work(Room)
        (room,) = _rooms(hand)
        assert room.in_doubt_since is not None
        assert (room.in_doubt_since - began).total_seconds() >= 4


def _register(hand: Hand, name: str, preset: str) -> str:
    person = PersonRequest(custom_participant_id=name, name=name, preset_name=preset)
    return registering.register(hand.deps, hand.meeting_id, [person])[0]


def _adds(hand: Hand) -> int:
    return int(hand.sandbox.calls()["counts"].get("add_participant", 0))


def _let_pauses_pass(hand: Hand) -> None:
    with hand.deps.database.transaction() as tx:
        for person in tx.session.scalars(select(Participant).where(col(Participant.meeting_id) == hand.meeting_id)):
            person.token_again_at = tx.now() if person.token_again_at else None


def _rooms(hand: Hand) -> Sequence[Room]:
    with hand.deps.database.reading() as session:
        return session.scalars(select(Room).where(col(Room.breakout_id) == hand.breakout_id)).all()


def _other_room(hand: Hand, name: str) -> str:
    assert {room.state for room in _rooms(hand)} == {RoomState.READY}
    with hand.deps.database.reading() as session:
        rooms = breakouts.breakout(session, hand.breakout_id).rooms
    return next(room.id for room in rooms if name not in {it.custom_participant_id for it in room.participants})


def _now(hand: Hand) -> datetime:
    with hand.deps.database.transaction() as tx:
        return tx.now()
