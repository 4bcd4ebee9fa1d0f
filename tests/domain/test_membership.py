"""Who may sit in a breakout, which rooms take people, and who has come home."""

from dataclasses import dataclass
from itertools import product

import pytest

from orchestrator.domain.membership import may_be_dealt, may_be_seated, takes_people
from orchestrator.domain.presence import is_home
from schemas.states import Location, Role, RoomState, RoomWanted, Who

R, W = RoomState, RoomWanted


@dataclass(frozen=True)
class Dealing:
    """The settings of a breakout that decide who is dealt."""

    who: Who
    include_hosts: bool


@dataclass
class RoomFacts:
    """The facts of a room that decide whether it takes people."""

    state: RoomState
    wanted: RoomWanted


@pytest.mark.parametrize(
    ("role", "include_hosts", "may"),
    [
        (Role.HOST, False, False),
        (Role.HOST, True, True),
        (Role.PARTICIPANT, False, True),
        (Role.PARTICIPANT, True, True),
    ],
)
def test_hosts_are_seated_only_where_hosts_are_included(role: Role, include_hosts: bool, may: bool) -> None:
    assert may_be_seated(role, include_hosts=include_hosts) is may


@pytest.mark.parametrize("location", Location)
def test_all_who_are_registered_are_dealt_wherever_they_are(location: Location) -> None:
    assert may_be_dealt(Dealing(Who.REGISTERED, include_hosts=False), Role.PARTICIPANT, location)


@pytest.mark.parametrize(("location", "dealt"), [(Location.MAIN, True), (Location.ROOM, True), (Location.AWAY, False)])
def test_of_those_present_who_is_away_is_not_dealt(location: Location, dealt: bool) -> None:
    assert may_be_dealt(Dealing(Who.PRESENT, include_hosts=False), Role.PARTICIPANT, location) is dealt


@pytest.mark.parametrize(("who", "location"), list(product(Who, Location)))
def test_a_host_is_dealt_like_others_where_hosts_are_included_and_never_elsewhere(who: Who, location: Location) -> None:
    with_hosts = Dealing(who, include_hosts=True)
    assert may_be_dealt(with_hosts, Role.HOST, location) is may_be_dealt(with_hosts, Role.PARTICIPANT, location)
    assert not may_be_dealt(Dealing(who, include_hosts=False), Role.HOST, location)


TAKES = {
    (state, wanted) for state in (R.PLANNED, R.PREPARING, R.READY, R.OPEN) for wanted in (W.NOTHING, W.READY, W.OPEN)
}


@pytest.mark.parametrize(("state", "wanted"), list(product(R, W)))
def test_a_room_takes_people_until_it_closes_or_is_wanted_closed(state: RoomState, wanted: RoomWanted) -> None:
    assert takes_people(RoomFacts(state, wanted)) is ((state, wanted) in TAKES)


@pytest.mark.parametrize(
    ("where", "home"),
    [
        (set[str | None](), False),
        ({None}, True),
        ({"room"}, False),
        ({None, "room"}, False),
        ({None, "other"}, True),
        ({"other"}, False),
    ],
    ids=["nowhere", "in main", "in the room", "in both", "in main and another room", "in another room"],
)
def test_somebody_is_home_in_main_and_out_of_their_room(where: set[str | None], home: bool) -> None:
    assert is_home("room", where) is home
