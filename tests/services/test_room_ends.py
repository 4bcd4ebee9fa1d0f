"""Rooms that close by themselves while their breakout goes on: at their own end, deleted, or dissolved into others."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel, col

from orchestrator.errors import Malformed, UserError, WrongState
from orchestrator.services.breakout import changes, moving, operations, rebalancing, room_changes
from orchestrator.services.breakout.choosing import Choice, choose_all
from orchestrator.services.breakout.closing import start_countdown
from orchestrator.services.breakout.locked import locked
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import registering
from orchestrator.services.planning import rooms as planning
from orchestrator.services.views import breakouts, news
from schemas.events import EventType
from schemas.requests import BreakoutChange, NewRoomRequest, PersonRequest, RoomChange
from schemas.responses import BreakoutResponse, RoomResponse
from schemas.states import BreakoutState, CloseReason, RoomState, SeatState
from schemas.tables import Breakout, Event, Meeting, Room
from tests.api.server import Api, checked
from tests.services.browser import Browser, pass_deadlines
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer

S, R, P = BreakoutState, RoomState, SeatState
A, B, C = "Room A", "Room B", "Room C"
NAMED = [{"name": A, "participants": ["ana"]}, {"name": B, "participants": ["bo"]}, {"name": C}]
COUNTDOWN, HOUR = 60, 3600
CLOCKS: dict[type[SQLModel], tuple[str, ...]] = {
    Breakout: ("own_end", "closes_at", "empties_at", "sent_home_at", "gives_up_at", "warned_until", "rooms_look_at"),
    Room: ("own_end", "empties_at", "sent_home_at", "gives_up_at", "warned_until", "retired_at"),
}


class Live(Hand):
    """An open breakout with Ana in the first room and Bo in the second, where they are."""

    def __init__(self, fresh: tuple[Deps, SandboxServer], *more: str, **body: Any) -> None:
        given: dict[str, Any] = {"rooms": NAMED, "countdown_seconds": COUNTDOWN, "warn_before_seconds": []} | body
        super().__init__(*fresh, ["ana", "bo", *more], **given)
        self.browsers = {name: Browser(self, name) for name in ("ana", "bo", *more)}
        self.follow()
        assert self.shown.state is S.OPEN

    @property
    def shown(self) -> BreakoutResponse:
        """B as it is answered now."""
        with self.deps.database.reading() as session:
            return breakouts.breakout(session, self.breakout_id)

    def room(self, name: str) -> RoomResponse:
        """Return a room by its name."""
        return next(room for room in self.shown.rooms if room.name == name)

    def change(self, **body: Any) -> None:
        """Change the breakout, and let all follow from it."""
        changes.change(self.deps, self.breakout_id, BreakoutChange.model_validate(body))
        self.work(Breakout, Room, Breakout)

    def change_room(self, which: str, **body: Any) -> RoomResponse:
        """Change a room, and return it."""
        wish = RoomChange.model_validate(body)
        room_changes.change_room(self.deps, self.breakout_id, self.room(which).id, wish)
        return self.room(body.get("name", which))

    def delete(self, name: str) -> RoomResponse:
        """Delete a room, and return it."""
        planning.delete_room(self.deps, self.breakout_id, self.room(name).id)
        return self.room(name)

    def follow(self) -> None:
        """Let everybody go where their seat says."""
        self.work(Room, Meeting)
        for browser in self.browsers.values():
            if browser.seat.auth_token:
                browser.follow()
        self.work(Breakout, Room, Breakout)

    def wait(self, seconds: float) -> None:
        """Let so much time pass at once, and do what is due by then."""
        with self.deps.database.transaction() as tx:
            rooms = [tx.session.get_one(Room, room.id) for room in self.shown.rooms]
            for row in (tx.session.get_one(Breakout, self.breakout_id), *rooms):
                for column in CLOCKS[type(row)]:
                    if (at := getattr(row, column)) is not None:
                        setattr(row, column, at - timedelta(seconds=seconds))
            tx.session.get_one(Breakout, self.breakout_id).due_at = tx.now()
        self.work(Breakout, Room, Breakout)

    def told(self, name: str) -> list[tuple[str, dict[str, Any]]]:
        """Return what a person's stream was told besides seats."""
        with self.deps.database.reading() as session:
            items = news.after(session, {self.breakout_id: 0})
        person = self.ids()[name]
        return [(it.event, it.data.model_dump()) for it in items if it.concerns(person)]

    def warnings(self) -> list[tuple[int, list[str] | None]]:
        """Return the warnings that were given: the seconds left, and the names of the rooms."""
        with self.deps.database.reading() as session:
            mine = col(Event.breakout_id) == self.breakout_id, col(Event.type) == EventType.BREAKOUT_WARNING
            data = session.scalars(select(col(Event.data)).where(*mine).order_by(col(Event.number))).all()
        names = {room.id: room.name for room in self.shown.rooms}
        return [(it["remaining_seconds"], it["room_ids"] and [names[one] for one in it["room_ids"]]) for it in data]


def later(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


@pytest.fixture
def live(fresh: tuple[Deps, SandboxServer]) -> Live:
    """Open a breakout without a timer."""
    return Live(fresh)


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


def test_a_room_is_added_and_its_place_is_taken(fresh: tuple[Deps, SandboxServer]) -> None:
    live = Live(fresh, allow_switch=True)
    body = NewRoomRequest(name="Room D", max_participants=1)
    room_id = planning.add_room(live.deps, live.breakout_id, body)
    assert (live.room("Room D").state, live.shown.state) == (R.PREPARING, S.OPEN)
    version = live.look("ana").version
    live.work(Room, Breakout)
    assert live.room("Room D").state is R.OPEN
    assert live.look("ana").version > version
    assert choose(live, "ana", room_id) is None
    assert choose(live, "bo", room_id) == "room_full"
    live.change_room("Room D", max_participants=2)
    assert choose(live, "bo", room_id) is None
    with pytest.raises(Malformed):
        live.change_room("Room D", max_participants=1)
    live.follow()
    assert {browser.room for browser in live.browsers.values()} == {"Room D"}


def choose(live: Live, name: str, room_id: str | None) -> str | None:
    (error,) = choose_all(live.deps, [Choice(live.ids()[name], live.meeting_id, room_id)])
    assert error is None or isinstance(error, UserError)
    return None if error is None else str(error.code)


def test_a_room_in_its_countdown_takes_nobody_and_may_be_left(fresh: tuple[Deps, SandboxServer]) -> None:
    live = Live(fresh, allow_switch=True)
    live.change_room(A, closes_at=later(5))
    live.wait(6)
    room_id = live.room(A).id
    assert choose(live, "bo", room_id) == "wrong_state"
    with pytest.raises(WrongState) as refused:
        moving.move_person(live.deps, live.breakout_id, "bo", room_id)
    assert refused.value.extra["state"] == "closing"
    for body in ({"closes_at": later(9)}, {"name": "Other"}, {"max_participants": 5}):
        with pytest.raises(WrongState):
            live.change_room(A, **body)
    live.browsers["ana"].move(B)
    assert live.look("ana").room_name == A, "until the token for the other room is there"
    live.follow()
    assert live.browsers["ana"].room == B
    live.wait(COUNTDOWN + 1)
    assert live.room(A).state is R.CLOSED
    assert live.browsers["ana"].room == B
    assert choose(live, "ana", room_id) == "wrong_state"


def test_who_was_sent_home_by_a_room_can_be_moved_to_another(live: Live) -> None:
    live.change_room(A, closes_at=later(5))
    live.wait(6)
    live.wait(COUNTDOWN + 1)
    assert live.seats()["ana"] is P.RETURNING
    with pytest.raises(WrongState):
        live.browsers["ana"].move(A)
    live.browsers["ana"].move(B)
    live.follow()
    assert (live.browsers["ana"].room, live.seats()["ana"]) == (B, P.JOINED)
    people = live.shown.progress.participants
    assert (people.total, people.joined) == (2, 2)


@pytest.mark.parametrize("at", [HOUR, None])
def test_a_countdown_is_called_off(fresh: tuple[Deps, SandboxServer], at: int | None) -> None:
    live = Live(fresh, "cy", duration_seconds=600)
    live.wait(601)
    with pytest.raises(Malformed):
        live.change(closes_at=later(-1))
    for body in ({"extend_seconds": 60}, {"paused": True}):
        with pytest.raises(WrongState):
            live.change(**body)
    version = live.look("ana").version
    live.change(closes_at=None if at is None else later(at))
    shown = live.shown
    assert (shown.state, shown.close_reason, shown.empties_at) == (S.OPEN, None, None)
    assert (shown.closes_at is None) is (at is None)
    seat = live.look("ana")
    assert (seat.room_name, seat.version > version) == (A, True)
    assert {room.state for room in shown.rooms} == {R.OPEN}
    live.wait(COUNTDOWN + 1)
    assert live.shown.state is S.OPEN
    operations.close(live.deps, live.breakout_id, 0)
    live.wait(1)
    with pytest.raises(WrongState) as refused:
        live.change(closes_at=later(HOUR))
    assert (refused.value.extra["state"], refused.value.extra["allowed"]) == ("closing", ["open"])


def test_a_room_that_closes_by_itself_goes_on_after_the_breakouts_countdown_is_called_off(live: Live) -> None:
    live.change_room(A, closes_at=later(5))
    live.change_room(B, closes_at=later(30))
    live.wait(6)
    operations.close(live.deps, live.breakout_id, 300)
    assert live.told("ana") == [("closing", {"countdown_seconds": COUNTDOWN})]
    assert live.told("bo") == [("closing", {"countdown_seconds": 300})]
    live.wait(40)
    assert (live.room(A).state, live.room(B).state) == (R.CLOSING, R.OPEN)
    live.change(closes_at=None)
    assert (live.room(A).state, live.room(B).state) == (R.CLOSING, R.CLOSING), "its own end has passed meanwhile"
    live.wait(COUNTDOWN - 30)
    assert (live.look("ana").location, live.look("bo").room_name) == ("main", B)
    live.follow()
    assert (live.shown.state, live.room(A).state, live.room(C).state) == (S.OPEN, R.CLOSED, R.OPEN)


def test_a_breakout_that_closes_takes_its_closing_rooms_along(live: Live) -> None:
    live.change_room(A, closes_at=later(5))
    live.wait(6)
    operations.close(live.deps, live.breakout_id, 0)
    live.work(Breakout, Room, Breakout)
    live.follow()
    live.work(Room, Breakout)
    assert live.shown.state is S.CLOSED
    assert live.shown.progress.participants.returned == 2


def test_small_rooms_are_dissolved_into_others(live: Live) -> None:
    moves = rebalancing.dissolve_small_rooms(live.deps, live.breakout_id, 2)
    assert [(it.custom_participant_id, it.from_room_id, it.to_room_id) for it in moves] == [
        ("ana", live.room(A).id, live.room(B).id)
    ]
    assert (live.room(A).state, live.look("ana").room_name) == (R.CLOSING, A), "until the other token is there"
    live.work(Room, Breakout)
    assert live.look("ana").room_name == B
    live.follow()
    states = {room.name: room.state for room in live.shown.rooms}
    assert states == {A: R.CLOSED, B: R.OPEN, C: R.CLOSED}
    assert live.browsers["ana"].kicks == 0
    assert live.seats() == {"ana": P.JOINED, "bo": P.JOINED}
    assert live.shown.progress.participants.joined == 2
    assert rebalancing.dissolve_small_rooms(live.deps, live.breakout_id, 2) == []


def test_who_does_not_leave_a_dissolved_room_is_put_out(live: Live) -> None:
    rebalancing.dissolve_small_rooms(live.deps, live.breakout_id, 2)
    live.work(Room, Breakout)
    live.wait(live.deps.grace.total_seconds() + 1)
    pass_deadlines(live)
    live.work(Room, Breakout, Room, Breakout)
    assert live.browsers["ana"].kicks == 1
    assert live.room(A).state is R.CLOSED
    assert live.look("ana").room_name == B


def test_a_room_whose_people_find_no_place_stays(fresh: tuple[Deps, SandboxServer]) -> None:
    small = [{"name": name, "participants": [who], "max_participants": 1} for name, who in ((A, "ana"), (B, "bo"))]
    live = Live(fresh, rooms=small)
    assert rebalancing.dissolve_small_rooms(live.deps, live.breakout_id, 2) == []
    assert live.problems() == ["no place", "no place"]
    assert {room.state for room in live.shown.rooms} == {R.OPEN}


def test_a_breakout_closes_while_rooms_are_dissolved(live: Live) -> None:
    rebalancing.dissolve_small_rooms(live.deps, live.breakout_id, 2)
    operations.close(live.deps, live.breakout_id, 0)
    live.work(Breakout, Room, Breakout)
    live.follow()
    live.work(Room, Breakout, Room, Breakout)
    assert live.shown.state is S.CLOSED
    people = live.shown.progress.participants
    assert (people.total, people.returned) == (2, 2)


def test_rooms_are_added_and_deleted_while_it_opens(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana", "bo"], rooms=NAMED, start="manual")
    operations.start(hand.deps, hand.breakout_id)
    with hand.deps.database.reading() as session:
        ids = {room.name: room.id for room in breakouts.breakout(session, hand.breakout_id).rooms}
    planning.delete_room(hand.deps, hand.breakout_id, ids[A])
    planning.add_room(hand.deps, hand.breakout_id, NewRoomRequest(name="Room D"))
    hand.work(Breakout, Room, Breakout, Room, Breakout)
    with hand.deps.database.reading() as session:
        shown = breakouts.breakout(session, hand.breakout_id)
    assert shown.state is S.OPEN
    assert {room.name: room.state for room in shown.rooms} == {A: R.CLOSED, B: R.OPEN, C: R.OPEN, "Room D": R.OPEN}
    assert shown.unassigned == ["ana"]


def test_all_rooms_deleted_while_it_opens_close_it(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=NAMED[:1], start="manual")
    operations.start(hand.deps, hand.breakout_id)
    with hand.deps.database.reading() as session:
        (room,) = breakouts.breakout(session, hand.breakout_id).rooms
    planning.delete_room(hand.deps, hand.breakout_id, room.id)
    hand.work(Breakout, Room, Breakout)
    with hand.deps.database.reading() as session:
        shown = breakouts.breakout(session, hand.breakout_id)
    assert (shown.state, shown.close_reason) == (S.CLOSED, CloseReason.API)
    assert shown.progress.participants.never_joined == 1


PAST, SOON = "2026-01-01T00:00:00Z", "2199-01-01T00:00:00Z"
CLOCKLESS, MALFORMED = ("open", ["open"]), None
REFUSED: list[tuple[str, str, dict[str, Any], int, tuple[str, list[str]] | None]] = [
    ("PATCH", f"/rooms/{A}", {"extend_seconds": 5}, 409, CLOCKLESS),
    ("PATCH", f"/rooms/{A}", {"paused": True}, 409, CLOCKLESS),
    ("PATCH", f"/rooms/{A}", {"paused": False}, 409, CLOCKLESS),
    ("PATCH", f"/rooms/{A}", {"closes_at": PAST}, 422, MALFORMED),
    ("PATCH", f"/rooms/{A}", {"closes_at": SOON, "paused": True}, 422, MALFORMED),
    ("PATCH", f"/rooms/{A}", {"paused": None}, 422, MALFORMED),
    ("PATCH", f"/rooms/{A}", {"name": B}, 422, MALFORMED),
    ("PATCH", f"/rooms/{A}", {}, 422, MALFORMED),
    ("PATCH", "", {"extend_seconds": 5}, 409, CLOCKLESS),
    ("PATCH", "", {"closes_at": PAST}, 422, MALFORMED),
    ("PATCH", "", {"closes_at": SOON, "name": "Other"}, 422, MALFORMED),
    ("PATCH", "", {"duration_seconds": 600}, 409, ("open", ["draft", "scheduled"])),
    ("POST", "/rooms", {"name": A}, 422, MALFORMED),
    ("POST", "/rebalance", {"min_room_size": 1}, 422, MALFORMED),
    ("POST", "/rebalance", {"min_room_size": 101}, 422, MALFORMED),
    ("POST", "/rebalance", {}, 422, MALFORMED),
]


def test_what_is_refused_says_why_and_changes_nothing(live: Live) -> None:
    before = live.shown
    ids = {room.name: room.id for room in before.rooms}
    with Api(live.deps) as api:
        for method, path, body, status, states in REFUSED:
            room_id = ids[A] if path.endswith(A) else ""
            url = f"/v1/breakouts/{live.breakout_id}{path.removesuffix(A)}{room_id}"
            answer = checked(api.client.request(method, url, json=body), status)
            if states:
                assert (answer["state"], answer["allowed"]) == states, (path, body)
    assert live.shown == before


def test_changes_of_rooms_count_versions_and_are_done_once(live: Live) -> None:
    path = f"/v1/breakouts/{live.breakout_id}"
    with Api(live.deps) as api:
        key = {"Idempotency-Key": "one"}
        first = api.client.post(f"{path}/rooms", json={"name": "Extra"}, headers=key)
        assert (first.status_code, first.json()["state"]) == (202, "preparing")
        assert api.client.post(f"{path}/rooms", json={"name": "Extra"}, headers=key).json() == first.json()
        extra = f"{path}/rooms/{first.json()['id']}"
        stale, tag = {"If-Match": f'"{live.shown.version - 1}"'}, {"If-Match": first.headers["ETag"]}
        assert api.client.patch(extra, json={"closes_at": SOON}, headers=stale).status_code == 412
        changed = api.client.patch(extra, json={"closes_at": SOON, "max_participants": 5}, headers=tag)
        assert (changed.status_code, changed.json()["closes_at"], changed.json()["paused"]) == (200, SOON, False)
        assert changed.headers["ETag"] == f'"{live.shown.version}"'
        assert api.client.delete(extra, headers=tag).status_code == 412
        deleted = api.client.delete(extra, headers={"If-Match": changed.headers["ETag"]})
        assert (deleted.status_code, deleted.json()["deleted"]) == (202, True)
        assert deleted.headers["ETag"] == f'"{live.shown.version}"'
        moves = api.client.post(f"{path}/rebalance", json={"min_room_size": 2}, headers=key)
        assert [it["custom_participant_id"] for it in checked(moves, 202)["moves"]] == ["ana"]
        assert api.client.post(f"{path}/rebalance", json={"min_room_size": 2}, headers=key).json() == moves.json()
        operations.close(live.deps, live.breakout_id, 0)
        refused = checked(api.client.post(f"{path}/rooms", json={"name": "Late"}), 409)
        assert (refused["state"], refused["allowed"]) == ("closing", ["draft", "open", "opening", "scheduled"])
        assert checked(api.client.delete(extra), 409)["state"] == "closing"


@pytest.mark.parametrize("reason", [CloseReason.PARENT_ENDED, CloseReason.ABORTED])
def test_what_ends_for_good_is_not_called_off(live: Live, reason: CloseReason) -> None:
    with locked(live.deps, live.breakout_id) as b:
        start_countdown(b, reason)
    with Api(live.deps) as api:
        for at in (PAST, SOON, None):
            answer = checked(api.client.patch(f"/v1/breakouts/{live.breakout_id}", json={"closes_at": at}), 409)
            assert (answer["state"], answer["allowed"]) == ("closing", ["open"])
    assert live.shown.close_reason is reason


def test_who_came_to_main_during_a_countdown_that_is_called_off_is_seated(live: Live) -> None:
    operations.close(live.deps, live.breakout_id, COUNTDOWN)
    cy = [PersonRequest(custom_participant_id="cy", name="Cy")]
    registering.register(live.deps, live.meeting_id, cy)
    live.browsers["cy"] = Browser(live, "cy")
    live.follow()
    assert live.look("cy").location == "main"
    live.change(closes_at=None)
    live.follow()
    assert live.browsers["cy"].room == C
