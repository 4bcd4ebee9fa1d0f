"""Rounds that share child meetings: nothing is kept for nobody, and no round disturbs another."""

from datetime import timedelta

from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.realtimekit.records import MeetingRecord, RecordingRecord
from orchestrator.services.breakout import moving, operations, retrying
from orchestrator.services.breakout.failing import fail_room
from orchestrator.services.breakout.locked import locked
from orchestrator.services.deps import Deps
from orchestrator.services.rooms.patience import Failed, retry_or_give_up
from orchestrator.services.upkeep.orphans import closed_room_of, meetings_nobody_needs
from orchestrator.store import due
from orchestrator.store.database import database_now
from schemas.states import RoomState
from schemas.tables import Breakout, Room
from tests.services.hand import webhook
from tests.services.series import PEOPLE, Rounds, active, calls_of
from tests.support.sandbox_server import SandboxServer


def due_again(series: Rounds, number: int) -> None:
    """Make all rooms of a round due, as late news does."""
    with series.hand.deps.database.transaction() as tx:
        of_round = select(col(Room.id)).where(col(Room.breakout_id) == series.ids[number - 1])
        due.want(tx, Room, tx.session.scalars(of_round).all())


def begin_passes(series: Rounds, number: int) -> dict[str, due.Claim]:
    """Begin a pass over each room of a round, and return the claims."""
    with series.hand.deps.database.transaction() as tx:
        mine = col(Room.breakout_id) == series.ids[number - 1]
        asked = [
            (room_id, claim) for room_id, claim in tx.session.execute(select(col(Room.id), col(Room.claim)).where(mine))
        ]
        return due.start_all(tx, Room, asked, holder="a pass", lease=timedelta(minutes=1))


def places(series: Rounds, number: int) -> set[str | None]:
    """Return the child meetings of a round."""
    return {room.realtimekit_meeting_id for room in series.shown(number).rooms}


def peers(series: Rounds) -> set[str]:
    """Return the people who are in child meetings at RealtimeKit."""
    there = series.hand.sandbox.state()["peers"]
    return {it["custom_participant_id"] for it in there if not it["left_at"] and it["meeting_id"] in active(series)}


def test_late_news_of_a_round_puts_nobody_out_of_the_round_that_runs(fresh: tuple[Deps, SandboxServer]) -> None:
    series = Rounds(fresh, rooms=1)
    series.open(1, there=PEOPLE[1:])
    peer = series.hand.sandbox.join(series.hand.look("p00").auth_token or "")
    series.hand.sandbox.leave(peer["peer_id"])
    (told,) = [it for it in series.hand.sandbox.state()["peers"] if it["peer_id"] == peer["peer_id"]]
    series.close(1)
    series.open(2, there=[])
    for name in PEOPLE[1:]:
        series.hand.sandbox.join(series.hand.look(name).auth_token or "")
    series.hand.deliver(webhook("Joined", told))
    series.hand.apply()
    series.work(1, Room)
    assert peers(series) == set(PEOPLE[1:])
    series.work(1, Room)
    with series.hand.deps.database.reading() as session:
        assert session.scalars(select(col(Room.due_at)).where(col(Room.breakout_id) == series.ids[0])).all() == [None]


def test_a_round_takes_no_meeting_whose_earlier_room_has_a_pass_to_come(fresh: tuple[Deps, SandboxServer]) -> None:
    series = Rounds(fresh, rooms=1, gap_seconds=600)
    series.open(1)
    series.close(1)
    due_again(series, 1)
    series.open(2)
    assert not places(series, 1) & places(series, 2)
    series.work(1, Room)
    series.close(2)
    operations.cancel(series.hand.deps, series.ids[2])
    for number in (1, 2):
        series.work(number, Room)
    assert active(series) == set()


def test_a_room_that_may_be_making_its_own_meeting_takes_no_other(fresh: tuple[Deps, SandboxServer]) -> None:
    series = Rounds(fresh, gap_seconds=600)
    series.open(1)
    operations.prepare(series.hand.deps, series.ids[1])
    series.work(2, Breakout)
    with series.hand.deps.database.transaction() as tx:
        of_round = update(Room).where(col(Room.breakout_id) == series.ids[1])
        tx.session.execute(of_round.values(in_doubt_since=tx.now() - timedelta(hours=1)))
    series.close(1)
    series.open(2)
    assert not places(series, 1) & places(series, 2)


def test_a_pass_that_began_before_the_last_round_was_cancelled_keeps_nothing(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    series = Rounds(fresh, gap_seconds=600)
    series.open(1)
    series.close(1)
    operations.prepare(series.hand.deps, series.ids[1])
    series.work(2, Breakout, Room)
    operations.cancel(series.hand.deps, series.ids[1])
    claims = begin_passes(series, 2)
    operations.cancel(series.hand.deps, series.ids[2])
    with series.hand.deps.database.transaction() as tx:
        of_round = update(Room).where(col(Room.breakout_id) == series.ids[1])
        tx.session.execute(of_round.values(retired_at=tx.now(), kept=True, state=RoomState.CLOSED))
        due.release_all(tx, list(claims.values()))
    series.work(2, Room)
    assert active(series) == set()


def test_a_kept_meeting_of_a_room_that_was_given_up_is_left_to_the_sweep(fresh: tuple[Deps, SandboxServer]) -> None:
    series = Rounds(fresh, gap_seconds=600)
    series.open(1)
    series.close(1)
    operations.cancel(series.hand.deps, series.ids[0], rest_of_series=True)
    long_ago = timedelta(hours=1)
    for room_id, claim in begin_passes(series, 1).items():
        with locked(series.hand.deps, series.ids[0]) as b:
            room = b.tx.session.get_one(Room, room_id)
            assert room.kept
            room.trying_since = room.failing_since = b.now - long_ago
            room.failures = series.hand.deps.settings.room_tries
            assert retry_or_give_up(b, Failed(room, claim, None, "an error of ours")).words == "given up"
    with series.hand.deps.database.reading() as session:
        records = [
            MeetingRecord(it["id"], it["title"], "ACTIVE", database_now(session) - timedelta(days=1))
            for it in series.hand.sandbox.state()["meetings"]
        ]
        needless = meetings_nobody_needs(session, series.hand.deps.install, records, unknown=False)
    assert {meeting.id for meeting, _ in needless} == places(series, 1)


def test_the_sweep_leaves_a_recording_alone_in_a_meeting_that_a_live_round_shares(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    series = Rounds(fresh, rooms=1)
    series.open(1)
    series.close(1)
    series.open(2)
    (place,) = places(series, 2)
    assert places(series, 1) == {place}
    record = RecordingRecord(id="somebody-elses", status="RECORDING", meeting_id=place)
    with series.hand.deps.database.reading() as session:
        assert closed_room_of(session, record) is None
    operations.cancel(series.hand.deps, series.ids[1], rest_of_series=True)
    series.close(2)
    with series.hand.deps.database.reading() as session:
        assert closed_room_of(session, record) is not None


def test_a_room_of_a_round_that_is_tried_again_has_the_meeting_that_the_rounds_share(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    series = Rounds(fresh, gap_seconds=600)
    series.open(1)
    series.close(1)
    series.open(2)
    room = series.shown(2).rooms[0]
    with locked(series.hand.deps, series.ids[1]) as b:
        (row,) = [it for it in b.rooms() if it.id == room.id]
        b.move_rooms([row], RoomState.PREPARING)
        fail_room(b, row, "it would not open")
    series.work(2, Room)
    retrying.retry_room(series.hand.deps, series.ids[1], room.id)
    series.work(2, Room, Breakout)
    assert series.shown(2).rooms[0].state is RoomState.OPEN
    assert places(series, 2) == places(series, 1)
    operations.cancel(series.hand.deps, series.ids[2])
    series.close(2)
    series.work(1, Room)
    series.work(2, Room)
    assert active(series) == set()


def test_who_is_moved_to_a_child_meeting_that_knows_them_gets_no_second_record(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    series = Rounds(fresh, rooms=2)
    series.open(1)
    before = {it.custom_participant_id: room.index for room in series.shown(1).rooms for it in room.participants}
    series.close(1)
    series.open(2)
    rooms = series.shown(2).rooms
    now = {it.custom_participant_id: room.index for room in rooms for it in room.participants}
    name = next(name for name in PEOPLE if before[name] != now[name])
    calls = calls_of(series)
    moving.move_person(series.hand.deps, series.ids[1], name, rooms[before[name]].id)
    series.work(2, Room)
    made = calls_of(series) - calls
    assert (made["add_participant"], made["refresh_participant_token"]) == (0, 1)
    assert series.hand.look(name).room_id == rooms[before[name]].id
