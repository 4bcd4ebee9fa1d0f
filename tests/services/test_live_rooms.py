"""Rooms that are added, dissolved or deleted while a breakout runs, countdowns called off, and what is refused."""

from typing import Any

import pytest

from orchestrator.errors import Malformed, StaleVersion, UserError, WrongState
from orchestrator.services.breakout import changes, moving, operations, rebalancing
from orchestrator.services.breakout.choosing import Choice, choose_all
from orchestrator.services.breakout.closing import start_countdown
from orchestrator.services.breakout.locked import locked
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import registering
from orchestrator.services.planning import rooms as planning
from orchestrator.services.views import breakouts
from orchestrator.store.versions import Expected
from schemas.requests import BreakoutChange, NewRoomRequest, PersonRequest
from schemas.states import CloseReason
from schemas.tables import Breakout, Room
from tests.api.server import Api, checked
from tests.services.browser import Browser, pass_deadlines
from tests.services.hand import Hand
from tests.services.live import COUNTDOWN, HOUR, NAMED, A, B, C, Live, P, R, S, later
from tests.support.sandbox_server import JSON, SandboxServer


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


def test_an_end_that_is_put_off_is_told_of_the_rooms_too(fresh: tuple[Deps, SandboxServer]) -> None:
    live = Live(fresh, duration_seconds=600)
    before = live.shown
    live.change(extend_seconds=60)
    assert [room.closes_at for room in live.shown.rooms] != [room.closes_at for room in before.rooms]
    with live.deps.database.reading() as session, pytest.raises(StaleVersion) as stale:
        Expected(Breakout, live.breakout_id, frozenset({str(before.version)})).look(session)
    assert stale.value.extra["fields"] == ["closes_at", "rooms"]


@pytest.mark.parametrize("worked", [False, True])
def test_a_countdown_that_is_called_off_before_the_rooms_were_asked_for_opens_them(
    fresh: tuple[Deps, SandboxServer], *, worked: bool
) -> None:
    hand = Hand(*fresh, ["ana", "bo"], rooms=2, start="manual")
    operations.start(hand.deps, hand.breakout_id)
    operations.close(hand.deps, hand.breakout_id, 60)
    if worked:
        hand.work(Breakout, Room)
    changes.change(hand.deps, hand.breakout_id, BreakoutChange.model_validate({"closes_at": None}))
    hand.work(Breakout, Room)
    with hand.deps.database.reading() as session:
        shown = breakouts.breakout(session, hand.breakout_id)
    assert (shown.state, {room.state for room in shown.rooms}) == (S.OPEN, {R.OPEN})
    assert {Browser(hand, name).seat.location for name in ("ana", "bo")} == {"room"}


@pytest.mark.parametrize("worked", [False, True])
@pytest.mark.parametrize(
    ("policy", "failing", "where"),
    [
        ("redistribute", [A], {"ana": B, "bo": B}),
        ("keep", [A], {"bo": B}),
        ("abort", [A], None),
        ("redistribute", [A, B], None),
    ],
)
def test_rooms_that_fail_around_a_countdown_that_is_called_off_are_dealt_with_as_in_an_opening(
    fresh: tuple[Deps, SandboxServer], *, worked: bool, policy: str, failing: list[str], where: dict[str, str] | None
) -> None:
    hand = Hand(*fresh, ["ana", "bo"], rooms=NAMED[:2], start="manual", on_room_failure=policy, countdown_seconds=0)
    refuse: JSON = {"operation": "create_meeting", "kind": "refuse", "times": None}
    hand.sandbox.faults(*(refuse | {"match": name} for name in failing))
    operations.start(hand.deps, hand.breakout_id)
    if worked:
        hand.work(Breakout)
    operations.close(hand.deps, hand.breakout_id, 60)
    if worked:
        hand.work(Room)
    changes.change(hand.deps, hand.breakout_id, BreakoutChange.model_validate({"closes_at": None}))
    hand.work(*[Breakout, Room] * 4)
    with hand.deps.database.reading() as session:
        shown = breakouts.breakout(session, hand.breakout_id)
    assert (shown.state is S.OPEN, shown.close_reason) == ((True, None) if where else (False, CloseReason.ABORTED))
    seats = {name: Browser(hand, name).seat.room_name for name in ("ana", "bo")}
    assert {name: room for name, room in seats.items() if room} == (where or {})


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
