"""RealtimeKit's clock is some seconds off the database's: each round has its own stays all the same."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col

from orchestrator.realtimekit.records import PeerRecord
from orchestrator.services.breakout.locked import locked_for_meeting
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import sightings
from orchestrator.services.meetings.roll_call import Attendees, PolledMeeting
from orchestrator.services.views import attendance
from orchestrator.services.views.pages import Asked
from schemas.responses import AttendanceRow
from schemas.tables import Breakout, Room
from tests.services.hand import webhook
from tests.services.series import PEOPLE, Rounds
from tests.support.sandbox_server import JSON, SandboxServer

MINUTE = timedelta(minutes=1)
SOON = 0.2
"""How many seconds after the start of a round people have come."""
Row = tuple[str, datetime | None, datetime | None, bool]


@pytest.fixture
def series(fresh: tuple[Deps, SandboxServer]) -> Rounds:
    return Rounds(fresh, rooms=2, gap_seconds=0)


def starts(series: Rounds, number: int) -> datetime:
    at = series.shown(number).starts_at
    assert at is not None
    return at


def peer(series: Rounds, number: int, name: str, came: float) -> JSON:
    """Return a peer in somebody's room of a round that came so many seconds after its start."""
    (place,) = (
        room.realtimekit_meeting_id
        for room in series.shown(number).rooms
        if name in {it.custom_participant_id for it in room.participants}
    )
    return {
        "peer_id": f"{name} in {number}",
        "custom_participant_id": name,
        "meeting_id": place,
        "session_id": f"s{number}",
        "joined_at": (starts(series, number) + timedelta(seconds=came)).isoformat(),
        "left_at": None,
    }


def tell(series: Rounds, *events: JSON) -> None:
    """Deliver webhooks in this order, and apply them together."""
    series.hand.deliver(*events)
    series.hand.apply()


def first(series: Rounds, there: list[str] | None = None) -> None:
    """Open the first round, as if that had been a minute ago. These people's browsers say that they are there."""
    series.open(1, there=there or [])
    with series.hand.deps.database.transaction() as tx:
        ago = starts(series, 1) - MINUTE
        tx.session.execute(update(Breakout).where(col(Breakout.id) == series.ids[0]).values(starts_at=ago))


def second(series: Rounds, gap: float) -> None:
    """Close the first round and open the second, as if its rooms had been empty for so many seconds before."""
    series.close(1)
    series.open(2, there=[])
    with series.hand.deps.database.transaction() as tx:
        of_round = update(Room).where(col(Room.breakout_id) == series.ids[0])
        tx.session.execute(of_round.values(retired_at=starts(series, 2) - timedelta(seconds=gap)))


def rows(series: Rounds, number: int) -> list[Row]:
    def row(it: AttendanceRow) -> Row:
        return it.custom_participant_id, it.joined_at, it.left_at, it.presumed

    with series.hand.deps.database.reading() as session:
        return sorted(map(row, attendance.page(session, series.ids[number - 1], Asked(100)).items))


def expected(peers: list[JSON]) -> list[Row]:
    """Return what attendance is to say of these peers: their own times, and nothing presumed."""
    return sorted(
        (it["custom_participant_id"], _moment(it["joined_at"]), _moment(it["left_at"]), False) for it in peers
    )


def record(it: JSON) -> PeerRecord:
    """Return a peer as a poll shows it."""
    came, went = _moment(it["joined_at"]), _moment(it["left_at"])
    return PeerRecord(it["peer_id"], it["custom_participant_id"], it["custom_participant_id"], came, went)


def later(it: JSON, seconds: float) -> str:
    """Return the time so many seconds after a peer came."""
    return (datetime.fromisoformat(it["joined_at"]) + timedelta(seconds=seconds)).isoformat()


def where(series: Rounds) -> set[str]:
    """Return the peers who are in a room."""
    return {peer_id for _, peer_id in series.hand.there() if " in " in peer_id}


def _moment(at: str | None) -> datetime | None:
    return None if at is None else datetime.fromisoformat(at)


@pytest.mark.parametrize(
    ("skew", "gap", "late"),
    [
        (-1.8, 2, "Left"),
        (-2.5, 0, "Left"),
        (-2.5, 0, "Joined, Left"),
        (2.5, 0, "Left, without joinedAt"),
        (2.5, 0, "Joined, Left"),
    ],
)
def test_each_round_has_the_stays_that_were_in_it(series: Rounds, skew: float, gap: float, late: str) -> None:
    """The ends of the first round are told when people have come to the second, or all of it together."""
    first(series)
    in_first = [peer(series, 1, name, SOON + skew) for name in PEOPLE]
    if "Joined" not in late:
        tell(series, *(webhook("Joined", it) for it in in_first))
    second(series, gap)
    in_second = [peer(series, 2, name, SOON + skew) for name in PEOPLE]
    ended = (starts(series, 2) + timedelta(seconds=skew - gap)).isoformat()
    in_first = [it | {"left_at": ended} for it in in_first]
    came, went = [webhook("Joined", it) for it in in_second], [webhook("Left", it) for it in in_first]
    if "without" in late:
        for event in went:
            del event["participant"]["joinedAt"]
    tell(series, *([webhook("Joined", it) for it in in_first] if "Joined" in late else []), *came, *went)
    assert where(series) == {it["peer_id"] for it in in_second}
    in_second = [it | {"left_at": later(it, 30)} for it in in_second]
    tell(series, *(webhook("Left", it) for it in in_second))
    assert rows(series, 1) == expected(in_first)
    assert rows(series, 2) == expected(in_second)


def test_who_has_never_joined_the_round_before_is_in_the_later_one_after_a_gap(series: Rounds) -> None:
    first(series)
    second(series, gap=3)
    came = [peer(series, 2, name, SOON - 2.5) for name in PEOPLE]
    tell(series, *(webhook("Joined", it) for it in came))
    assert (rows(series, 1), rows(series, 2)) == ([], expected(came))


def test_who_belonged_in_another_room_in_the_round_before_is_in_the_later_one(series: Rounds) -> None:
    """So it is where RealtimeKit has told nothing of the first round, and no gap followed."""
    first(series, there=PEOPLE)
    before = {name: peer(series, 1, name, SOON)["meeting_id"] for name in PEOPLE}
    second(series, gap=0)
    came = [peer(series, 2, name, SOON - 2.5) for name in PEOPLE]
    came = [it for it in came if before[it["custom_participant_id"]] != it["meeting_id"]]
    assert came
    tell(series, *(webhook("Joined", it) for it in came))
    assert rows(series, 2) == expected(came)


@pytest.mark.parametrize("seen", [False, True])
def test_late_news_of_a_round_stays_with_it(series: Rounds, seen: bool) -> None:
    """Nobody has told of this stay while the round ran. It began moments before the end, and no gap followed."""
    first(series)
    second(series, gap=0)
    if seen:
        tell(series, webhook("Joined", peer(series, 2, "p00", SOON)))
    late = peer(series, 1, "p00", 0) | {"joined_at": later({"joined_at": starts(series, 2).isoformat()}, -1)}
    late["left_at"] = later(late, 0.5)
    tell(series, webhook("Left", late), webhook("Joined", late))
    assert rows(series, 1) == expected([late])
    assert len(rows(series, 2)) == seen


def test_what_was_told_before_a_round_began_is_not_about_it(series: Rounds) -> None:
    first(series)
    ahead = peer(series, 1, "p00", 3600)
    tell(series, webhook("Joined", ahead))
    second(series, gap=0)
    ahead["left_at"] = later(ahead, 1)
    tell(series, webhook("Left", ahead))
    assert (rows(series, 1), rows(series, 2)) == (expected([ahead]), [])


@pytest.mark.parametrize("skew", [-2.5, 2.5])
def test_a_poll_gives_a_round_no_stays_of_the_one_before(series: Rounds, skew: float) -> None:
    """RealtimeKit's session may go on, and then its list has the people of both rounds."""
    first(series)
    in_first = [peer(series, 1, name, SOON + skew) for name in PEOPLE]
    tell(series, *(webhook("Joined", it) for it in in_first))
    second(series, gap=0)
    ended = (starts(series, 2) + timedelta(seconds=skew)).isoformat()
    in_first = [it | {"left_at": ended} for it in in_first]
    in_second = [peer(series, 2, name, SOON + skew) for name in PEOPLE]
    in_second = [it | {"left_at": later(it, 1)} if it is in_second[0] else it for it in in_second]
    found = {
        PolledMeeting(room.realtimekit_meeting_id or "", room.id, 0, 0, None): Attendees(
            [record(it) for it in in_first + in_second if it["meeting_id"] == room.realtimekit_meeting_id]
        )
        for room in series.shown(2).rooms
    }
    with locked_for_meeting(series.hand.deps, series.hand.meeting_id) as m:
        shown = sightings.stays(m, found, starts(series, 2) + MINUTE)
    told = {it.peer_id for it in shown if it.room_id in {room.id for room in series.shown(2).rooms}}
    assert told == {it["peer_id"] for it in in_second}


def test_a_poll_of_a_meeting_that_its_room_has_lost_meanwhile_still_shows_who_is_elsewhere(series: Rounds) -> None:
    first(series)
    name = PEOPLE[0]
    gone = peer(series, 1, name, SOON)
    gone |= {"left_at": later(gone, 1)}
    lost, kept = sorted(series.shown(1).rooms, key=lambda room: room.realtimekit_meeting_id != gone["meeting_id"])
    other = next(it.custom_participant_id for it in kept.participants)
    here = peer(series, 1, other, SOON)
    places = {room.id: room.realtimekit_meeting_id or "" for room in (lost, kept)}
    found = {PolledMeeting(places[lost.id], lost.id, 0, 0, None): Attendees([record(gone)])}
    found |= {PolledMeeting(places[kept.id], kept.id, 0, 0, None): Attendees([record(here)])}
    with series.hand.deps.database.transaction() as tx:
        at_once = starts(series, 1) + MINUTE
        soon_after = {"starts_at": datetime.fromisoformat(gone["left_at"])}
        tx.session.execute(update(Breakout).where(col(Breakout.id) == series.ids[0]).values(soon_after))
        tx.session.execute(update(Room).where(col(Room.id) == lost.id).values(realtimekit_meeting_id=None))
    with locked_for_meeting(series.hand.deps, series.hand.meeting_id) as m:
        shown = sightings.stays(m, found, at_once)
    assert here["peer_id"] in {it.peer_id for it in shown}
