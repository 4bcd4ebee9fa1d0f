"""Who did what: each event of a breakout's log names a key, a person, the clock, RealtimeKit, or us."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import update
from sqlmodel import col

from orchestrator.services.breakout import moving, operations
from orchestrator.services.breakout.choosing import Choice, choose_all
from orchestrator.services.deps import Deps
from orchestrator.services.people import acks
from orchestrator.services.people.acks import Ack
from orchestrator.services.views import event_log
from schemas.requests import AckRequest
from schemas.tables import Breakout, Meeting, Room
from tests.services.browser import Browser, rooms
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer

ROOMS = [{"name": "Red", "participants": ["ana"]}, {"name": "Blue", "participants": ["bo"]}]


class Log:
    """The log of a breakout, read from where the last reading ended."""

    def __init__(self, hand: Hand) -> None:
        self.hand = hand
        self.seen = 0

    def new(self) -> set[tuple[str, str, str | None]]:
        """Return the new events: who, what, and which state somebody or something is in now."""
        with self.hand.deps.database.reading() as session:
            found = event_log.after(session, self.hand.breakout_id, self.seen, 1000)
        self.seen = found[-1].id if found else self.seen
        return {(it.actor, it.type.removesuffix(".state"), it.data.get("to")) for it in found}


def test_each_event_says_who_did_it(fresh: tuple[Deps, SandboxServer]) -> None:
    deps, sandbox = fresh
    hand = Hand(deps, sandbox, ["ana", "bo"], rooms=ROOMS, allow_switch=True, start="manual")
    log = Log(hand)
    log.new()
    operations.start(replace(deps, actor="key:ops"), hand.breakout_id)
    hand.work(Breakout, Room, Breakout, Meeting)
    opened = log.new()
    assert ("key:ops", "breakout", "opening") in opened
    assert ("system", "breakout", "open") in opened
    assert {who for who, what, _ in opened if what == "room"} == {"system"}

    ana, bo = Browser(hand, "ana"), Browser(hand, "bo")
    ana.follow()
    assert log.new() == {("realtimekit", "participant", "joined")}
    report = AckRequest(location="room", room_id=bo.seat.room_id, version=bo.seat.version)
    assert acks.store_all(deps, [Ack(bo.participant_id, report)]) == [None]
    hand.apply()
    assert log.new() == {("participant:bo", "participant", "joined")}

    ids = rooms(hand)
    assert choose_all(deps, [Choice(bo.participant_id, hand.meeting_id, ids["Red"])]) == [None]
    assert {who for who, *_ in log.new()} == {"participant:bo"}
    moving.move_person(replace(deps, actor="host:ana"), hand.breakout_id, "ana", ids["Blue"])
    assert {who for who, *_ in log.new()} == {"host:ana"}
    hand.work(Room)
    assert {who for who, *_ in log.new()} == {"system"}

    let_come(hand, "closes_at", "own_end")
    assert ("timer", "breakout", "closing") in log.new()
    let_come(hand, "empties_at")
    assert ("timer", "participant", "returning") in log.new()


def test_a_time_that_has_come_starts_a_breakout(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1, start="manual")
    log = Log(hand)
    log.new()
    with hand.deps.database.transaction() as tx:
        mine = update(Breakout).where(col(Breakout.id) == hand.breakout_id)
        tx.session.execute(mine.values(state="scheduled", starts_at=tx.now(), due_at=tx.now()))
    hand.work(Breakout)
    assert ("timer", "breakout", "opening") in log.new()


def test_later_rounds_that_an_operator_cancels_name_them_too(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1, start="manual")
    log = Log(hand)
    log.new()
    operations.cancel(replace(hand.deps, actor="key:ops"), hand.breakout_id)
    assert log.new() == {("key:ops", "breakout", "cancelled")}


def let_come(hand: Hand, *times: str) -> None:
    """Let these times of the breakout come now."""
    with hand.deps.database.transaction() as tx:
        ago = tx.now() - timedelta(seconds=1)
        mine = update(Breakout).where(col(Breakout.id) == hand.breakout_id)
        tx.session.execute(mine.values({"due_at": ago, **dict.fromkeys(times, ago)}))
    hand.work(Breakout)
