"""Rooms that close by themselves while their breakout goes on: at their own end, deleted, or dissolved into others."""

from datetime import timedelta

import pytest

from orchestrator.errors import Malformed, WrongState
from orchestrator.services.breakout import moving, operations, rebalancing
from orchestrator.services.deps import Deps
from schemas.states import CloseReason
from schemas.tables import Breakout, Meeting, Room
from tests.services.live import COUNTDOWN, HOUR, A, B, C, Live, P, R, S, later
from tests.support.sandbox_server import SandboxServer


def test_a_room_closes_at_its_own_end_as_a_breakout_does(live: Live) -> None:
    version = live.look("ana").version
    room = live.change_room(A, closes_at=later(100))
    assert room.closes_at is not None
    seat = live.look("ana")
    assert seat.version > version
    assert seat.breakout
    assert (seat.breakout.closes_at, seat.breakout.empties_at) == (room.closes_at, None)
    others = live.look("bo").breakout
    assert others
    assert others.closes_at is None

    live.wait(101)
    assert (live.room(A).state, live.shown.state, live.look("ana").room_name) == (R.CLOSING, S.OPEN, A)
    assert live.told("ana") == [("closing", {"countdown_seconds": COUNTDOWN})]
    assert live.told("bo") == []
    at = live.look("ana").breakout
    assert at
    assert at.empties_at
    assert at.state is S.OPEN

    live.wait(COUNTDOWN + 1)
    assert (live.look("ana").location, live.look("bo").room_name) == ("main", B)
    assert live.seats() == {"ana": P.RETURNING, "bo": P.JOINED}
    live.follow()
    assert live.seats()["ana"] is P.RETURNED
    assert (live.room(A).state, live.shown.state) == (R.CLOSED, S.OPEN)
    assert live.browsers["ana"].kicks == 0
    progress = live.shown.progress.participants
    assert (progress.total, progress.returned, progress.joined) == (2, 1, 1)


def test_who_stays_in_a_closed_room_is_put_out_and_lost(live: Live) -> None:
    live.change_room(A, closes_at=later(10))
    live.wait(11)
    live.wait(COUNTDOWN + 1)
    assert live.room(A).state is R.CLOSING
    live.wait(live.deps.grace.total_seconds() + 1)
    assert live.browsers["ana"].kicks == 1
    assert live.room(A).state is R.CLOSED
    live.browsers["ana"].tell_if_put_out()
    live.work(Meeting)
    live.wait(2 * live.deps.grace.total_seconds() + 1)
    live.poll()
    live.wait(0)
    assert live.seats() == {"ana": P.LOST, "bo": P.JOINED}
    assert live.problems() == ["people lost"]
    with live.deps.database.reading() as session:
        assert session.get_one(Breakout, live.breakout_id).rooms_look_at is None


def test_a_later_end_is_clamped_and_follows_the_breakout(fresh: tuple[Deps, SandboxServer]) -> None:
    live = Live(fresh, duration_seconds=600)
    end = live.shown.closes_at
    assert end
    assert live.change_room(A, closes_at=later(HOUR)).closes_at == end
    live.change(extend_seconds=2 * HOUR)
    room = live.change_room(A, extend_seconds=-60)
    assert room.closes_at
    assert room.closes_at < end + timedelta(seconds=HOUR)
    live.change(closes_at=None)
    assert (live.shown.closes_at, live.room(B).closes_at) == (None, None)
    assert live.room(A).closes_at == room.closes_at
    assert live.change_room(A, closes_at=None).closes_at is None


def test_a_rooms_clock_pauses_and_goes_on(fresh: tuple[Deps, SandboxServer]) -> None:
    live = Live(fresh, duration_seconds=600)
    for body in ({"paused": True}, {"extend_seconds": 5}):
        with pytest.raises(WrongState):
            live.change_room(A, **body)
    live.change_room(A, closes_at=later(100))
    paused = live.change_room(A, paused=True)
    assert (paused.paused, paused.closes_at) == (True, live.shown.closes_at)
    assert paused.remaining_seconds == pytest.approx(100, abs=2)
    version = live.shown.version
    assert live.change_room(A, paused=True).remaining_seconds == paused.remaining_seconds
    assert live.shown.version == version
    assert live.change_room(A, extend_seconds=-50).remaining_seconds == pytest.approx(50, abs=2)
    with pytest.raises(Malformed):
        live.change_room(A, extend_seconds=-60)
    with pytest.raises(Malformed):
        live.change_room(A, closes_at=later(-1))
    live.wait(200)
    assert live.room(A).state is R.OPEN
    going_on = live.change_room(A, paused=False)
    assert (going_on.paused, going_on.remaining_seconds) == (False, None)
    assert going_on.closes_at is not None
    live.change_room(A, paused=True)
    live.wait(500)
    assert live.shown.state is S.CLOSING, "a paused room closes with its breakout"


def test_each_warning_comes_once_for_a_room_and_again_after_a_change(fresh: tuple[Deps, SandboxServer]) -> None:
    live = Live(fresh, duration_seconds=600, warn_before_seconds=[300, 60])
    live.change_room(A, closes_at=later(400))
    live.wait(110)
    live.wait(0)
    assert live.warnings() == [(300, [A])]
    live.wait(200)
    assert live.warnings() == [(300, [A]), (300, [B, C])]
    assert [data["remaining_seconds"] for _, data in live.told("ana")] == [300]
    live.change_room(A, extend_seconds=250)
    live.wait(40)
    assert live.warnings()[2:] == [], "the room now has the end of its breakout"
    live.change_room(A, closes_at=later(100))
    live.change(extend_seconds=300)
    live.wait(50)
    live.wait(0)
    assert live.warnings()[2:] == [(60, [A])]


def test_a_deleted_rooms_people_return_at_once(live: Live) -> None:
    deleted = live.delete(A)
    assert (deleted.deleted, deleted.state, deleted.participants) == (True, R.CLOSING, [])
    assert live.look("ana").location == "main"
    assert live.shown.unassigned == ["ana"]
    version = live.shown.version
    assert live.delete(A).deleted
    assert live.shown.version == version
    live.follow()
    assert (live.room(A).state, live.browsers["ana"].kicks) == (R.CLOSED, 0)
    assert live.told("ana") == []
    people = live.shown.progress.participants
    assert (people.total, people.returned, people.joined) == (2, 1, 1)
    with pytest.raises(WrongState) as refused:
        moving.move_person(live.deps, live.breakout_id, "ana", deleted.id)
    assert refused.value.extra["state"] == "closed"
    live.browsers["ana"].move(C)
    live.follow()
    assert live.browsers["ana"].room == C
    people = live.shown.progress.participants
    assert (people.total, people.joined) == (2, 2)
    operations.close(live.deps, live.breakout_id, 0)
    live.work(Breakout, Room, Breakout)
    live.follow()
    live.work(Breakout, Room, Breakout)
    assert live.shown.state is S.CLOSED
    assert live.shown.progress.participants.returned == 2


def test_the_last_rooms_end_closes_the_breakout(live: Live) -> None:
    live.delete(C)
    live.delete(B)
    live.follow()
    assert live.shown.state is S.OPEN
    live.change_room(A, closes_at=later(5))
    live.wait(6)
    live.wait(COUNTDOWN + 1)
    live.follow()
    live.work(Room, Breakout)
    shown = live.shown
    assert (shown.state, shown.close_reason) == (S.CLOSED, CloseReason.TIMER)
    assert shown.closes_at is not None
    assert shown.progress.participants.returned == 2


def test_the_last_room_deleted_closes_the_breakout(live: Live) -> None:
    for name in (A, B, C):
        live.delete(name)
    live.follow()
    live.work(Room, Breakout)
    assert (live.shown.state, live.shown.close_reason) == (S.CLOSED, CloseReason.API)


def test_who_is_about_to_come_to_a_deleted_room_stays_where_they_are(live: Live) -> None:
    live.browsers["ana"].move(C)
    live.delete(C)
    assert live.look("ana").room_name == A
    live.work(Room, Breakout)
    assert live.seats() == {"ana": P.JOINED, "bo": P.JOINED}
    assert live.browsers["ana"].kicks == 0


@pytest.mark.parametrize("told", [False, True])
def test_who_has_been_in_a_room_returns_though_their_next_one_is_gone_before_they_come(live: Live, told: bool) -> None:
    """Neither room takes them: the one is dissolved, the other deleted before or after they were told to go there."""
    rebalancing.dissolve_small_rooms(live.deps, live.breakout_id, 2)
    if told:
        live.work(Room, Breakout)
    live.delete(B)
    assert live.look("ana").location == "main"
    live.follow()
    live.work(Room, Breakout, Room, Breakout)
    people = live.shown.progress.participants
    assert (people.total, people.returned, people.never_joined) == (2, 2, 0)


@pytest.mark.parametrize("ends", ["moved to main", "closed"])
def test_who_has_been_in_a_room_returns_from_a_chain_of_moves(live: Live, ends: str) -> None:
    for name in (B, C):
        live.browsers["ana"].move(name)
        live.work(Room, Breakout)
    if ends == "closed":
        operations.close(live.deps, live.breakout_id, 0)
        live.work(Breakout, Room, Breakout)
    else:
        moving.move_person(live.deps, live.breakout_id, "ana", None)
    live.follow()
    live.work(Room, Breakout, Room, Breakout)
    people = live.shown.progress.participants
    assert (people.total, people.returned + people.joined, people.never_joined) == (2, 2, 0)
    assert people.returned == (2 if ends == "closed" else 1)
    assert live.browsers["ana"].kicks == 0


def test_who_was_to_leave_a_deleted_room_is_in_main_until_the_token_is_there(live: Live) -> None:
    live.browsers["ana"].move(C)
    live.delete(A)
    assert live.look("ana").location == "main"
    live.work(Room)
    assert live.look("ana").room_name == C
