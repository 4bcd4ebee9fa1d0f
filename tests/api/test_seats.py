"""Seats of many people, read together in as many queries as one seat takes."""

from sqlalchemy import select
from sqlmodel import col

from orchestrator.services.people import seats
from schemas.states import Location, RoomState, SeatState
from schemas.tables import Room, Seat
from tests.api.server import JSON, UNKNOWN_ID, Api
from tests.support.queries import count_queries

NAMES = [f"p{number}" for number in range(30)]


def test_many_seats_are_read_at_the_price_of_one(api: Api) -> None:
    meeting = api.meeting(*NAMES, hosts=("di",))
    breakout = api.breakout(meeting, 202, start="now", rooms=10, allow_switch=True)
    people = [person["id"] for person in api.get(f"/v1/meetings/{meeting['id']}/participants")["items"]]
    with api.deps.database.transaction() as tx:
        for room in tx.session.scalars(select(Room).where(col(Room.breakout_id) == breakout["id"])):
            room.state, room.realtimekit_meeting_id = RoomState.OPEN, f"rtk of {room.name}"
        for seat in tx.session.scalars(select(Seat).where(col(Seat.breakout_id) == breakout["id"])):
            seat.state, seat.auth_token = SeatState.INVITED, api.deps.vault.seal(f"token of {seat.participant_id}")
    together = seats.read(api.deps, [*people, UNKNOWN_ID]).found
    assert together == {person: seats.read(api.deps, [person]).found[person] for person in people}
    *seated, host = (together[person] for person in people)
    assert [seat.auth_token for seat in seated] == [f"token of {person}" for person in people[:-1]]
    assert {(seat.location, seat.realtimekit_meeting_id) for seat in seated} == {
        (Location.ROOM, f"rtk of {seat.room_name}") for seat in seated
    }
    assert (host.location, host.auth_token, host.room_id) == (Location.MAIN, None, None)
    assert host.breakout is not None
    assert [room.participant_count for room in host.breakout.rooms or ()] == [3] * 10
    one = count_queries(api.deps.database, lambda: seats.read(api.deps, people[:1]))
    assert count_queries(api.deps.database, lambda: seats.read(api.deps, people)) == one <= 5, "one is a BEGIN"


def test_seats_list_the_rooms_where_everybody_may_choose_one(api: Api) -> None:
    plans: dict[str, JSON] = {
        "self_select": {"assignment": {"mode": "self_select"}},
        "switch": {"allow_switch": True},
        "preset": {"allow_switch": "preset"},
        "neither": {},
    }
    shown = {}
    for name, settings in plans.items():
        meeting = api.meeting("ana")
        breakout = api.breakout(meeting, 202, start="now", **settings)
        with api.deps.database.transaction() as tx:
            for room in tx.session.scalars(select(Room).where(col(Room.breakout_id) == breakout["id"])):
                room.state = RoomState.OPEN
        (person,) = (one["id"] for one in api.get(f"/v1/meetings/{meeting['id']}/participants")["items"])
        seat = seats.read(api.deps, [person]).found[person].breakout
        assert seat is not None
        shown[name] = seat.rooms and len(seat.rooms)
    assert shown == {"self_select": 2, "switch": 2, "preset": None, "neither": None}
