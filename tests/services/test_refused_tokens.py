"""A browser says that its token was refused, and gets another one with a new version of its seat."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.services.deps import Deps
from orchestrator.services.people import acks
from schemas.requests import AckRequest
from schemas.states import Location
from schemas.tables import Inbox, Meeting, Participant, Presence, Room, Seat
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer


@pytest.fixture
def hand(fresh: tuple[Deps, SandboxServer]) -> Hand:
    """Open a breakout with Ana and Bo in one room and Cy in main, with tokens that were made a while ago."""
    hand = Hand(*fresh, ["ana", "bo", "cy"], rooms=[{"name": "Red", "participants": ["ana", "bo"]}], assignment=MANUAL)
    hand.look("cy")
    hand.work(Meeting)
    _made_a_while_ago(hand)
    return hand


MANUAL = {"mode": "manual"}


@pytest.mark.parametrize(("who", "place"), [("ana", Location.ROOM), ("cy", Location.MAIN)])
def test_a_refused_token_is_replaced_and_the_seat_gets_a_new_version(hand: Hand, who: str, place: Location) -> None:
    before = hand.look(who)
    _refused(hand, who, before.version)
    assert hand.look(who) == before
    hand.work(Room, Meeting)
    after = hand.look(who)
    assert (after.version, after.location) == (before.version + 1, place)
    assert after.auth_token not in (None, before.auth_token)
    hand.sandbox.join(str(after.auth_token))


def test_who_was_refused_does_not_wait_long_for_a_second_try(hand: Hand) -> None:
    before = hand.look("ana")
    _refused(hand, "ana", before.version)
    hand.sandbox.faults({"operation": "refresh_participant_token", "kind": "error_before"})
    hand.work(Room)
    assert timedelta() < hand.pause() < timedelta(seconds=10), "a room that failed is tried again soon"
    hand.work(Room)
    assert hand.look("ana").auth_token not in (None, before.auth_token)


@pytest.mark.parametrize("who", ["ana", "cy"])
def test_a_token_of_an_older_version_is_not_replaced(hand: Hand, who: str) -> None:
    before = hand.look(who)
    _refused(hand, who, before.version - 1)
    hand.work(Room, Meeting)
    assert hand.look(who) == before


@pytest.mark.parametrize("who", ["ana", "cy"])
def test_only_one_token_is_made_in_ten_seconds_however_often_it_is_refused(hand: Hand, who: str) -> None:
    for _ in range(3):
        _refused(hand, who, hand.look(who).version)
        hand.work(Room, Meeting)
    assert _made(hand) == 1
    _made_a_while_ago(hand)
    _refused(hand, who, hand.look(who).version)
    hand.work(Room, Meeting)
    assert _made(hand) == 2


@pytest.mark.parametrize("who", ["ana", "cy"])
def test_somebody_whose_record_is_gone_gets_another_one(hand: Hand, who: str) -> None:
    before = hand.look(who)
    hand.sandbox.delete_participants(before.realtimekit_meeting_id)
    _refused(hand, who, before.version)
    hand.work(Room, Meeting)
    hand.sandbox.join(str(hand.look(who).auth_token))


def test_a_refusal_is_no_arrival(hand: Hand) -> None:
    _refused(hand, "cy", hand.look("cy").version)
    with hand.deps.database.reading() as session:
        assert session.scalars(select(Presence).where(col(Presence.meeting_id) == hand.meeting_id)).all() == []


def _refused(hand: Hand, who: str, version: int) -> None:
    body = AckRequest(location="refused", version=version)
    assert acks.store_all(hand.deps, [acks.Ack(hand.ids()[who], body)]) == [None]
    hand.work(Inbox)


def _made(hand: Hand) -> int:
    return int(hand.sandbox.calls()["counts"].get("refresh_participant_token", 0))


def _made_a_while_ago(hand: Hand) -> None:
    with hand.deps.database.transaction() as tx:
        ago = tx.now() - timedelta(seconds=11)
        tx.session.execute(update(Seat).where(col(Seat.breakout_id) == hand.breakout_id).values(token_made_at=ago))
        mine = update(Participant).where(col(Participant.meeting_id) == hand.meeting_id)
        tx.session.execute(mine.values(token_made_at=ago))
