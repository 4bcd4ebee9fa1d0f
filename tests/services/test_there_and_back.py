"""What was stored for one wish does not happen after the wish has changed: people who are moved there and back again.

The way back begins before people should have left, when they have been chosen, while the call that puts them out is on
the wire, before it is recorded, and after it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from schemas.tables import Breakout, Meeting, Room
from tests.services.browser import Browser, pass_deadlines
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import wait_until

A, B, C = "Room A", "Room B", "Room C"
WAYS: dict[str, tuple[str | None, ...]] = {
    "A, B, A": (B, A),
    "A, main, A": (None, A),
    "A, B, C, A": (B, C, A),
    "A, B, main, A": (B, None, A),
    "A, main, B, A": (None, B, A),
    "A, B, A, B, A": (B, A, B, A),
}
NAMED = [{"name": A, "participants": ["ana", "bo"]}, {"name": B}, {"name": C}]
KICK, ADD = "kick_participants", "add_participant"


@pytest.fixture
def hand(fresh: tuple[Deps, SandboxServer]) -> Hand:
    """Open a breakout of three rooms. Ana and Bo belong in the first."""
    return Hand(*fresh, ["ana", "bo"], rooms=NAMED, record=True)


@pytest.fixture
def ana(hand: Hand) -> Browser:
    """Let Ana be in her room."""
    ana = Browser(hand, "ana")
    ana.follow()
    assert ana.room == A
    return ana


@pytest.fixture(params=list(WAYS.values()), ids=list(WAYS))
def way(request: pytest.FixtureRequest) -> tuple[str | None, ...]:
    """Give a way that ends where it begins."""
    found: tuple[str | None, ...] = request.param
    return found


@pytest.mark.parametrize("goes_along", [True, False], ids=["goes along", "stays"])
def test_who_is_moved_back_in_time_is_not_put_out(ana: Browser, way: tuple[str | None, ...], goes_along: bool) -> None:
    for room in way:
        _move(ana, room)
        if goes_along:
            ana.follow()
    pass_deadlines(ana.hand)
    ana.hand.work(Room)
    _is_back(ana, kicks=0)


def test_who_is_moved_back_before_the_other_room_has_a_token_for_them_has_never_left(ana: Browser) -> None:
    before = ana.seat
    ana.move(B)
    ana.move(A)
    assert ana.seat.model_copy(update={"version": 0}) == before.model_copy(update={"version": 0})
    ana.hand.work(Room)
    assert ana.room == A
    _is_back(ana, kicks=0)


def test_who_is_called_home_before_the_other_room_has_a_token_for_them_is_put_out_when_they_stay(
    ana: Browser,
) -> None:
    ana.move(B)
    ana.move(None)
    assert ana.room is None
    pass_deadlines(ana.hand)
    ana.hand.work(Room)
    assert ana.kicks == 1


def test_who_is_moved_back_when_the_pass_that_puts_them_out_has_begun_is_not_put_out(ana: Browser) -> None:
    bo = Browser(ana.hand, "bo")
    _move(bo, B)
    _move(ana, B)
    pass_deadlines(ana.hand)
    bo.move(C)
    bo.move(A)  # asks for a new token, which the pass waits for
    with _held("refresh_participant_token", "held_before", ana.hand):
        ana.move(A)
    ana.hand.work(Room)
    _is_back(ana, kicks=0)


@pytest.mark.parametrize("kind", ["held_before", "held_after"])
def test_a_seat_does_not_point_to_a_room_while_its_person_is_being_put_out_of_it(
    ana: Browser, way: tuple[str | None, ...], kind: str
) -> None:
    for room in way[:-1]:
        _move(ana, room)
    pass_deadlines(ana.hand)
    with _held(KICK, kind, ana.hand):
        ana.move(A)
        assert ana.room != A
    ana.tell_if_put_out()
    ana.hand.work(Room)
    assert ana.room == A
    ana.follow()
    _is_back(ana, kicks=1)


def test_who_is_moved_back_after_they_were_put_out_is_not_put_out_again(
    ana: Browser, way: tuple[str | None, ...]
) -> None:
    for room in way[:-1]:
        _move(ana, room)
    pass_deadlines(ana.hand)
    ana.hand.work(Room)
    ana.tell_if_put_out()
    _move(ana, A)
    ana.follow()
    _is_back(ana, kicks=1)


@pytest.mark.parametrize("kind", ["held_before", "held_after"])
def test_who_is_moved_there_and_back_while_the_rooms_are_prepared_is_admitted_once(
    fresh: tuple[Deps, SandboxServer], kind: str
) -> None:
    hand = Hand(*fresh, ["ana", "bo"], rooms=NAMED, start="manual")
    ana = Browser(hand, "ana")
    operations.prepare(hand.deps, hand.breakout_id)
    hand.work(Breakout)
    with _held(ADD, kind, hand):
        ana.move(B)
        ana.move(A)
    hand.work(Room)
    operations.start(hand.deps, hand.breakout_id)
    hand.work(Breakout, Room)
    ana.follow()
    _is_back(ana, kicks=0)
    there = hand.sandbox.state()["participants"]
    mine = [
        it
        for it in there
        if it["custom_participant_id"] == "ana" and it["meeting_id"] == ana.seat.realtimekit_meeting_id
    ]
    assert len(mine) == 1


def _move(person: Browser, room: str | None) -> None:
    """Move a person, and do what that makes due."""
    person.move(room)
    person.hand.work(Room)
    assert person.room == room


def _is_back(ana: Browser, *, kicks: int) -> None:
    """Check that Ana is in the room that her seat names, for as long as that does not change."""
    for _ in range(2):
        pass_deadlines(ana.hand)
        ana.hand.work(Breakout, Meeting, Room)
        assert (ana.room, ana.kicks) == (A, kicks)
        ana.follow()
    assert ana.is_where_the_seat_says
    assert ana.hand.seats()["ana"] == "joined"


@contextmanager
def _held(operation: str, kind: str, hand: Hand) -> Iterator[None]:
    """Let the rooms' passes run as far as this call, and end when the block is over."""
    hand.sandbox.faults({"operation": operation, "kind": kind})
    passes = Thread(target=hand.work, args=(Room,))
    passes.start()
    wait_until(hand.sandbox.faults_met, what=f"the call of {operation}")
    yield
    hand.sandbox.faults()
    passes.join()


def test_who_is_invited_again_to_the_room_they_left_is_told_again(hand: Hand, ana: Browser) -> None:
    hand.sandbox.leave(ana.peer_id or "")
    ana.tell("Left")
    before = ana.seat
    ana.move(A)
    again = ana.seat
    assert again.version > before.version, "the browser goes there once more"
    assert (again.room_name, again.auth_token) == (A, before.auth_token)
    ana.follow()
    there = ana.seat.version
    ana.move(A)
    assert ana.seat.version == there, "who is there has nothing to be told"
