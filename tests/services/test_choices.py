"""People choose rooms of their own: who may go where, and that limits hold when everybody comes at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import UserError
from orchestrator.services.breakout import moving, operations
from orchestrator.services.breakout.choosing import Choice, choose_all
from orchestrator.services.breakout.locked import locked
from orchestrator.services.deps import Deps
from orchestrator.services.views import breakouts
from schemas.responses import BreakoutResponse
from schemas.states import RoomState, SeatState
from schemas.tables import Breakout, Meeting, Room
from tests.api.conftest import parts
from tests.api.server import Api, bearer, checked
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer

MAIN, FIRST, SECOND = None, 0, 1
NOT_ALLOWED, FULL, WRONG = "not_allowed", "room_full", "wrong_state"


def shown(hand: Hand) -> BreakoutResponse:
    with hand.deps.database.reading() as session:
        return breakouts.breakout(session, hand.breakout_id)


def choose(hand: Hand, name: str, room: int | None) -> str | None:
    """Choose a room by its index, or main. Returns the code of the refusal."""
    room_id = None if room is None else shown(hand).rooms[room].id
    (error,) = choose_all(hand.deps, [Choice(hand.ids()[name], hand.meeting_id, room_id)])
    hand.work(Room, Meeting)
    return None if error is None else str(error.code)


def where(hand: Hand, name: str) -> int | None:
    room_id = hand.look(name).room_id
    return next((room.index for room in shown(hand).rooms if room.id == room_id), None)


HOST = {"participants": [{"custom_participant_id": "ana", "name": "Ana", "role": "host"}]}
ANA_FIRST = [{"name": "First", "participants": ["ana"]}, {"name": "Second"}]
RIGHTS: list[tuple[dict[str, Any], dict[str, Any] | None, list[tuple[int | None, str | None]]]] = [
    ({"allow_switch": True, "allow_return": False}, None, [(SECOND, None), (MAIN, None), (FIRST, None)]),
    ({"allow_switch": False, "allow_return": False}, None, [(SECOND, NOT_ALLOWED), (MAIN, NOT_ALLOWED)]),
    ({}, None, [(SECOND, NOT_ALLOWED), (MAIN, None), (SECOND, NOT_ALLOWED), (FIRST, None), (MAIN, None), (MAIN, None)]),
    ({"allow_switch": False, "allow_return": False}, HOST, [(SECOND, None), (MAIN, None), (FIRST, None)]),
    ({"assignment": {"mode": "self_select"}}, None, [(SECOND, None), (FIRST, None), (FIRST, None), (MAIN, None)]),
]


@pytest.mark.parametrize(("settings", "meeting", "steps"), RIGHTS)
def test_who_may_go_where(
    fresh: tuple[Deps, SandboxServer],
    settings: dict[str, Any],
    meeting: dict[str, Any] | None,
    steps: list[tuple[int | None, str | None]],
) -> None:
    hand = Hand(*fresh, ["ana", "bo"], meeting, **{"rooms": ANA_FIRST, "assignment": {"mode": "manual"}} | settings)
    place, version = where(hand, "ana"), shown(hand).version
    assert place == FIRST
    for room, refusal in steps:
        assert choose(hand, "ana", room) == refusal, (room, refusal)
        place = place if refusal else room
        assert where(hand, "ana") == place
    assert shown(hand).version == version, "it counts what operators change"


def test_whom_an_operator_moves_to_main_can_not_come_back_by_themselves(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=ANA_FIRST, assignment={"mode": "manual"})
    moving.move_person(hand.deps, hand.breakout_id, "ana", None)
    assert choose(hand, "ana", FIRST) == NOT_ALLOWED
    moving.move_person(hand.deps, hand.breakout_id, "ana", shown(hand).rooms[SECOND].id)
    assert [choose(hand, "ana", room) for room in (MAIN, FIRST, SECOND)] == [None, NOT_ALLOWED, None]
    assert hand.seats()["ana"] in (SeatState.INVITED, SeatState.ASSIGNED, SeatState.ADMITTED)


def test_a_room_that_is_full_or_not_open_takes_nobody(fresh: tuple[Deps, SandboxServer]) -> None:
    full = [{"name": "First", "participants": ["bo"], "max_participants": 1}, {"name": "Second"}]
    hand = Hand(*fresh, ["ana", "bo"], rooms=full, assignment={"mode": "self_select"})
    assert [choose(hand, "ana", room) for room in (FIRST, SECOND)] == [FULL, None]
    assert [choose(hand, "bo", room) for room in (FIRST, MAIN)] == [None, None]
    assert choose(hand, "ana", FIRST) is None
    operations.close(hand.deps, hand.breakout_id, 60)
    assert choose(hand, "bo", SECOND) == WRONG
    waiting = Hand(*fresh, ["cy"], rooms=2, assignment={"mode": "self_select"}, start="manual")
    assert choose(waiting, "cy", FIRST) == WRONG
    assert choose_all(hand.deps, [Choice(hand.ids()["bo"], hand.meeting_id, shown(waiting).rooms[0].id)]) != [None]


def test_choices_of_one_moment_are_made_in_their_order(fresh: tuple[Deps, SandboxServer]) -> None:
    full = [{"name": "First", "participants": ["bo"], "max_participants": 1}, {"name": "Second"}]
    hand = Hand(*fresh, ["ana", "bo", "cy"], rooms=full, assignment={"mode": "self_select"})
    ids, places = hand.ids(), [*(room.id for room in shown(hand).rooms), None]
    steps = [("ana", 0, FULL), ("bo", 1, None), ("cy", 0, None), ("ana", 0, FULL), ("cy", 2, None), ("ana", 0, None)]
    errors = choose_all(hand.deps, [Choice(ids[name], hand.meeting_id, places[place]) for name, place, _ in steps])
    assert [error and str(error.code) for error in errors] == [refusal for _, _, refusal in steps]
    hand.work(Room)
    assert [where(hand, name) for name in ("ana", "bo", "cy")] == [FIRST, SECOND, MAIN]


def test_who_is_refused_wakes_nobody_and_spoils_no_choice(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana", "bo"], rooms=ANA_FIRST, assignment={"mode": "self_select"})
    versions = [hand.look(name).version for name in ("ana", "bo")]
    ids, second = hand.ids(), shown(hand).rooms[SECOND].id
    wishes = [(ids["ana"], "no room"), ("nobody", second), (ids["bo"], second)]
    errors = choose_all(hand.deps, [Choice(who, hand.meeting_id, place) for who, place in wishes])
    assert [error and str(error.code) for error in errors] == ["unknown_room", "unknown_participant", None]
    hand.work(Room)
    assert hand.look("ana").version == versions[0]
    assert hand.look("bo").version > versions[1]


def test_in_a_countdown_people_may_go_to_main_whatever_is_allowed_else(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana", "bo"], rooms=ANA_FIRST, allow_return=False, countdown_seconds=60)
    assert choose(hand, "ana", MAIN) == NOT_ALLOWED
    operations.close(hand.deps, hand.breakout_id, 60)
    assert choose(hand, "ana", SECOND) == WRONG
    assert choose(hand, "ana", MAIN) is None
    assert (where(hand, "ana"), where(hand, "bo")) == (MAIN, SECOND)
    assert choose(hand, "ana", FIRST) == WRONG, "it has no way back"


def test_rooms_are_listed_for_those_who_may_choose(fresh: tuple[Deps, SandboxServer]) -> None:
    host = {"participants": [*HOST["participants"], {"custom_participant_id": "bo", "name": "Bo"}]}
    hand = Hand(*fresh, [], host, rooms=["A", "B"])
    seats = hand.look("ana").breakout, hand.look("bo").breakout
    assert seats[0] is not None
    assert seats[1] is not None
    assert [room.name for room in seats[0].rooms or []] == ["A", "B"]
    assert seats[1].rooms is None


def test_rooms_that_may_be_chosen_no_more_are_told_by_a_new_version(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], HOST, rooms=["A", "B"], assignment={"mode": "self_select"}, start="manual")
    said: dict[int, list[str] | None] = {}

    def look() -> list[str]:
        """Return the rooms that Ana's seat lists; those of one version are always the same."""
        seat = hand.look("ana")
        names = [room.name for room in (seat.breakout and seat.breakout.rooms) or []]
        assert said.setdefault(seat.version, names) == names
        return names

    assert look() == []
    operations.start(hand.deps, hand.breakout_id)
    hand.work(Breakout)
    assert look() == []
    hand.work(Room)
    assert look() == ["A", "B"]
    hand.work(Breakout)
    with locked(hand.deps, hand.breakout_id) as b:
        b.move_rooms(b.rooms()[:1], RoomState.CLOSING)
    assert look() == ["B"]
    operations.close(hand.deps, hand.breakout_id, 60)
    assert look() == []


def test_a_browser_is_answered_with_the_seat_as_it_is_now(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=[{"name": "A", "participants": ["ana"]}, "B"], assignment={"mode": "manual"})
    first, second = (room.id for room in shown(hand).rooms)
    with Api(hand.deps) as api:
        headers = bearer(api.token({"id": hand.meeting_id}, "ana"))

        def put(body: Any, expect: int) -> dict[str, Any]:
            return checked(api.stranger.put("/v1/seat/room", json=body, headers=headers), expect)

        assert put({"room_id": first}, 202)["room_id"] == first
        assert put({"room_id": second}, 403)["code"] == NOT_ALLOWED
        seat = put({"room_id": None}, 202)
        assert (seat["room_id"], seat["location"]) == (None, "main")
        assert put({"room_id": None}, 202)["version"] == seat["version"]
        assert put({}, 422)["errors"][0]["loc"] == ["body", "room_id"]
        assert put({"room_id": first}, 202)["version"] > seat["version"]
        operations.close(hand.deps, hand.breakout_id, 60)
        closing = put({"room_id": second}, 409)
        assert (closing["state"], closing["allowed"]) == ("closing", ["open", "opening"])
        assert api.client.put("/v1/seat/room", json={"room_id": None}).status_code == 401


def test_of_a_hundred_at_the_same_time_ten_find_a_place(
    built: tuple[Deps, SandboxServer], postgres_url: str, broker_url: str, tmp_path: Path
) -> None:
    sandbox = built[1]
    sandbox.reset()
    with parts(sandbox, tmp_path, database_url=postgres_url, broker_url=broker_url) as deps:
        names = [f"p{number}" for number in range(100)]
        rooms = [{"name": "Small", "max_participants": 10}, {"name": "Large"}]
        hand = Hand(deps, sandbox, names, rooms=rooms, assignment={"mode": "self_select"})
        hand.work(Breakout, Room)
        ids, small = hand.ids(), shown(hand).rooms[0].id

        def some(number: int) -> list[UserError | None]:
            mine = names[number::8]
            return choose_all(deps, [Choice(ids[name], hand.meeting_id, small) for name in mine])

        with ThreadPoolExecutor(8) as pool:
            errors = [error for answer in pool.map(some, range(8)) for error in answer]
        assert [str(error.code) for error in errors if error] == [FULL] * 90
        assert [len(room.participants) for room in shown(hand).rooms] == [10, 0]
