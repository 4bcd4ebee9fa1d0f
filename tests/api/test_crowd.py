"""What a crowd does in the same second costs a few statements, and is in nobody's way."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event, select, update
from sqlmodel import col

from orchestrator.api.crowd.batches import Batches
from orchestrator.api.crowd.desk import Desk
from orchestrator.api.crowd.readers import Readers
from orchestrator.api.crowd.shown import ShownSeat
from orchestrator.errors import Unknown, UserError
from orchestrator.services.breakout.locked import locked_for_meeting
from orchestrator.services.deps import Deps
from orchestrator.services.people import acks, presence, seats
from orchestrator.services.people.acks import Ack
from orchestrator.services.people.stays import Stay
from orchestrator.services.webhooks import applying
from orchestrator.store.queries import participant_ids
from schemas.requests import AckRequest
from schemas.states import BreakoutState, Location, RoomState, SeatState
from schemas.tables import Breakout, Fact, Inbox, Participant, Presence, Room, Seat
from tests.api.conftest import parts
from tests.api.server import JSON, Api, bearer, checked
from tests.support.queries import count_queries
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import LONG, wait_until

FEW, MANY = 3, 120


@pytest.fixture
def deps(sandbox: SandboxServer, database_url: str, broker_url: str, tmp_path: Path) -> Iterator[Deps]:
    """Build parts on each database."""
    with parts(sandbox, tmp_path, database_url=database_url, broker_url=broker_url) as built:
        yield built


def open_breakout(api: Api, people: int) -> tuple[JSON, JSON, list[str]]:
    """Make a breakout whose people are told to go to their rooms. Returns the meeting, it, and our ids of people."""
    meeting = api.meeting(*(f"p{number}" for number in range(people)))
    breakout = api.breakout(meeting, 202, start="now", rooms=10)
    with api.deps.database.transaction() as tx:
        tx.session.get_one(Breakout, breakout["id"]).state = BreakoutState.OPEN
        for room in tx.session.scalars(select(Room).where(col(Room.breakout_id) == breakout["id"])):
            room.state, room.realtimekit_meeting_id = RoomState.OPEN, f"rtk of {room.name}"
        for seat in tx.session.scalars(select(Seat).where(col(Seat.breakout_id) == breakout["id"])):
            seat.state, seat.auth_token = SeatState.INVITED, api.deps.vault.seal("token")
        ids = tx.session.scalars(select(col(Participant.id)).where(col(Participant.meeting_id) == meeting["id"])).all()
    return meeting, breakout, list(ids)


def arrivals(api: Api, participant_ids: Sequence[str]) -> list[Ack]:
    """Return the acks of people who have arrived where their seats say."""
    found = seats.read(api.deps, participant_ids).found
    return [
        Ack(person_id, AckRequest(location=Location.ROOM, room_id=seat.room_id, version=seat.version))
        for person_id, seat in found.items()
    ]


def test_acks_of_a_crowd_cost_the_statements_of_a_few(api: Api) -> None:
    *_, people = open_breakout(api, MANY)
    said = arrivals(api, people)
    few = count_queries(api.deps.database, lambda: acks.store_all(api.deps, said[:FEW]))
    rest = count_queries(api.deps.database, lambda: acks.store_all(api.deps, said[FEW:]))
    assert rest <= few


def test_a_crowd_s_acks_are_answered_with_the_statements_of_a_few(api: Api) -> None:
    """Storing the acks and reading the seats that answer them count together."""
    *_, people = open_breakout(api, MANY)
    said, counted, desk = arrivals(api, people), {}, Desk(api.deps)

    async def ack(some: Sequence[Ack]) -> list[ShownSeat]:
        return await asyncio.gather(*(desk.ack(one) for one in some))

    for some in (said[:FEW], said):
        answers: list[ShownSeat] = []
        counted[len(some)] = count_queries(api.deps.database, lambda: answers.extend(asyncio.run(ack(some))))  # noqa: B023 - called at once
        shown = [json.loads(answer.text) for answer in answers]
        assert [one["room_id"] for one in shown] == [one.body.room_id for one in some]
        assert [one["version"] for one in shown] == [answer.version for answer in answers]
    assert counted[MANY] <= counted[FEW]


def test_what_a_crowd_said_is_applied_with_the_statements_of_a_few(api: Api) -> None:
    counted = {}
    for people in (FEW * 10, MANY):
        meeting, breakout, ids = open_breakout(api, people)
        acks.store_all(api.deps, arrivals(api, ids))
        claim = _claim(api, meeting)
        counted[people] = count_queries(api.deps.database, partial(applying.apply, api.deps, meeting["id"], claim))
        assert api.get(f"/v1/breakouts/{breakout['id']}")["progress"]["participants"]["joined"] == people
    assert counted[MANY] <= counted[FEW * 10]


def test_acks_and_operators_are_answered_while_the_breakout_is_worked_on(postgres_api: Api) -> None:
    meeting, breakout, _ = open_breakout(postgres_api, FEW)
    headers = bearer(postgres_api.token(meeting, "p0"))
    with psycopg.connect(postgres_api.deps.settings.database_url) as worker:
        worker.execute("SELECT 1 FROM breakout, meeting, room, seat, participant FOR NO KEY UPDATE")
        with ThreadPoolExecutor(FEW) as pool:
            said = {"location": "main", "version": 0}
            answers = [
                pool.submit(postgres_api.stranger.post, "/v1/seat/ack", json=said, headers=headers) for _ in range(FEW)
            ]
            assert [answer.result().status_code for answer in answers] == [200] * FEW
        postgres_api.get(f"/v1/breakouts/{breakout['id']}")


def test_people_who_are_registered_one_by_one_at_the_same_time_get_their_own_answers(api: Api) -> None:
    meeting = api.meeting("p0")
    path = f"/v1/meetings/{meeting['id']}/participants"

    def register(name: str) -> list[str]:
        people = [{"custom_participant_id": it, "name": it} for it in (name, f"{name}'s friend")]
        answer = checked(api.client.post(path, json={"participants": people}), 200)
        return [person["custom_participant_id"] for person in answer["participants"]]

    with ThreadPoolExecutor(8) as pool:
        names = [f"p{number}" for number in range(24)]
        assert list(pool.map(register, names)) == [[name, f"{name}'s friend"] for name in names]
    assert api.get(f"/v1/meetings/{meeting['id']}")["participant_count"] == 48


def test_two_acks_of_one_person_keep_their_order(api: Api) -> None:
    meeting, _, people = open_breakout(api, FEW)
    headers, path = bearer(api.token(meeting, "p0")), f"/v1/meetings/{meeting['id']}/participants"
    room = arrivals(api, people[:1])[0].body.model_dump(mode="json")
    main = {"location": "main", "version": room["version"]}
    for last, order in (("main", [room, main]), ("room", [main, room]), ("main", [room, room, main])):
        for body in order:
            checked(api.stranger.post("/v1/seat/ack", json=body, headers=headers), 200)
        api.apply_facts()
        assert api.get(path)["items"][0]["location"] == last


def test_a_fact_that_comes_while_others_are_applied_is_applied_next(postgres_api: Api) -> None:
    meeting, _, people = open_breakout(postgres_api, FEW)
    first, late, *_ = arrivals(postgres_api, people)
    acks.store_all(postgres_api.deps, [first])
    claim = _claim(postgres_api, meeting)
    with _once_at(postgres_api.deps, "DELETE FROM fact", lambda: acks.store_all(postgres_api.deps, [late])):
        applying.apply(postgres_api.deps, meeting["id"], claim)
    assert _waiting(postgres_api) == 1
    postgres_api.apply_facts()
    assert _waiting(postgres_api) == 0


def test_the_same_news_from_two_sides_at_once_is_one_stay(postgres_api: Api) -> None:
    """A meeting without a breakout has no breakout's lock."""
    deps, meeting = postgres_api.deps, postgres_api.meeting("ana")
    path = f"/v1/meetings/{meeting['id']}/participants/ana/present"

    def say_present() -> None:
        checked(postgres_api.client.put(path, json={"present": True}), 200)

    with ThreadPoolExecutor(1) as other, locked_for_meeting(deps, meeting["id"]) as m:
        answer = other.submit(say_present)
        person = participant_ids(m.tx.session, meeting["id"], ["ana"])["ana"]
        presence.apply(m, [Stay(person, None, None, None, m.now)])
        assert not wait([answer], timeout=0.3).done, "it did not wait for what the other has to say"
    answer.result()
    with deps.database.reading() as session:
        assert len(session.scalars(select(Presence)).all()) == 1


def test_a_seat_is_read_in_one_snapshot(postgres_api: Api) -> None:
    *_, people = open_breakout(postgres_api, FEW)
    before = seats.read(postgres_api.deps, people).found

    def bring_home() -> None:
        with postgres_api.deps.database.transaction() as tx:
            tx.session.execute(update(Breakout).values(sent_home_at=tx.now(), state=BreakoutState.CLOSING))
            tx.session.execute(update(Seat).values(state=SeatState.RETURNING))
            tx.session.execute(update(Participant).values(version=Participant.version + 1))

    with _once_at(postgres_api.deps, "FROM participant", bring_home):
        assert seats.read(postgres_api.deps, people).found == before
    after = seats.read(postgres_api.deps, people).found
    assert all(after[one].version > before[one].version for one in people)
    assert {seat.location for seat in after.values()} == {Location.MAIN}


def test_what_is_asked_while_a_call_is_under_way_shares_the_next_one() -> None:
    may_go_on, calls = threading.Event(), []

    def work(items: Sequence[int]) -> list[int | UserError]:
        may_go_on.wait(10)
        calls.append(len(items))
        return [Unknown("odd") if item % 2 else item for item in items]

    async def ask() -> list[int | BaseException]:
        batches: Batches[int, int] = Batches(work, Readers(), most=100)
        asked = [asyncio.ensure_future(batches.run(item)) for item in range(250)]
        await asyncio.sleep(0)
        may_go_on.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(ask())
    assert [answer for answer in answers if isinstance(answer, int)] == list(range(0, 250, 2))
    assert sum(isinstance(answer, Unknown) for answer in answers) == 125
    assert calls == [100, 100, 50]


def test_what_trickles_in_while_a_batch_rests_is_done_together() -> None:
    async def ask(batches: Batches[int, int]) -> None:
        await asyncio.gather(batches.run(1), batches.run(2))
        asked = []
        for item in (3, 4):
            asked.append(asyncio.ensure_future(batches.run(item)))
            for _ in range(20):
                await asyncio.sleep(0)
        await asyncio.gather(*asked)

    def is_gathered() -> bool:
        """Whether this machine has asked for all of it within the rest."""
        return _calls(ask, rest=0.5) == [[1, 2], [3, 4]]

    wait_until(is_gathered, what="two calls for four items")


@pytest.mark.parametrize("together", [1, 20], ids=["who waits for each answer", "a crowd"])
def test_some_are_never_held_up_by_a_rest(together: int) -> None:
    async def ask(batches: Batches[int, int]) -> None:
        for _ in range(3):
            await asyncio.gather(*(batches.run(item) for item in range(together)))

    assert _calls(ask, rest=LONG) == [list(range(together))] * 3


def _calls(ask: Callable[[Batches[int, int]], Awaitable[None]], *, rest: float) -> list[list[int]]:
    """Return the items of each call that batches make when they are asked like this."""
    calls: list[list[int]] = []

    def work(items: Sequence[int]) -> list[int | UserError]:
        calls.append(list(items))
        return list(items)

    async def run() -> None:
        async with asyncio.timeout(LONG / 2):
            await ask(Batches(work, Readers(), most=100, rest=rest))

    asyncio.run(run())
    return calls


def _claim(api: Api, meeting: JSON) -> int:
    with api.deps.database.reading() as session:
        return session.get_one(Inbox, meeting["id"]).claim


def _waiting(api: Api) -> int:
    with api.deps.database.reading() as session:
        return len(session.scalars(select(col(Fact.id)).where(col(Fact.applied_at).is_(None))).all())


@contextmanager
def _once_at(deps: Deps, text: str, work: Callable[[], object]) -> Iterator[None]:
    """Do something in another thread, once, right after a statement with this text."""
    todo = [work]

    def after(_c: object, _x: object, statement: str, *_: object) -> None:
        if text in statement and todo:
            with ThreadPoolExecutor(1) as other:
                other.submit(todo.pop()).result()

    event.listen(deps.database.engine, "after_cursor_execute", after)
    try:
        yield
    finally:
        event.remove(deps.database.engine, "after_cursor_execute", after)
    assert not todo
