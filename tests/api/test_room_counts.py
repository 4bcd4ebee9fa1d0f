"""Who may choose a room sees how many belong in each: soon, seldom, and never for nothing."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import event, select
from sqlmodel import col

from orchestrator.api.crowd.shown import ShownRooms, ShownSeat, shown
from orchestrator.api.streams.pace import LATEST_SECONDS, REST_SHARE, SOONEST_SECONDS, Pace
from orchestrator.api.streams.seat_listener import COUNTS_APART_SECONDS, SeatListener
from orchestrator.api.tokens import ClientToken
from orchestrator.services.people import seats
from schemas.states import BreakoutState, RoomState
from schemas.tables import Breakout, Room
from tests.api.server import JSON, Api, Event, Stream, bearer, checked
from tests.support.waiting import wait_until

COUNTS, VERSIONS = "count(seat.id)", "SELECT participant.id, participant.version, participant.token_number"
"""What stands in the statement that reads counts, and in the one that reads all versions."""


def opened(api: Api, meeting: JSON, **settings: Any) -> JSON:
    """Start a breakout of two rooms in which everybody may choose one, and open them without a worker."""
    breakout = api.breakout(meeting, 202, start="now", **{"assignment": {"mode": "self_select"}, **settings})
    with api.deps.database.transaction() as tx:
        tx.session.get_one(Breakout, breakout["id"]).state = BreakoutState.OPEN
        for room in tx.session.scalars(select(Room).where(col(Room.breakout_id) == breakout["id"])):
            room.state, room.realtimekit_meeting_id = RoomState.OPEN, f"rtk of {room.name}"
    return breakout


def choose(api: Api, token: str, room: JSON | None) -> None:
    body = {"room_id": room and room["id"]}
    checked(api.stranger.put("/v1/seat/room", json=body, headers=bearer(token)), 202)


def counts(found: Event) -> list[int]:
    assert found.name == "seat"
    return [room["participant_count"] for room in found.data["breakout"]["rooms"]]


def test_a_chooser_sees_what_others_choose_by_the_same_version(api: Api) -> None:
    meeting = api.meeting("ana", "bo")
    red, blue = opened(api, meeting)["rooms"]
    ana = api.token(meeting, "ana")
    with api.stream(api.token(meeting, "bo")) as stream:
        first = stream.next()
        assert counts(first) == [0, 0]
        for room, told in ((red, [1, 0]), (blue, [0, 1]), (None, [0, 0])):
            began = time.monotonic()
            choose(api, ana, room)
            again = stream.next()
            assert counts(again) == told
            assert time.monotonic() - began < LATEST_SECONDS
            assert (_without_counts(again), again.id) == (_without_counts(first), first.id)


def _without_counts(found: Event) -> JSON:
    breakout = found.data["breakout"]
    rooms = [room | {"participant_count": None} for room in breakout["rooms"]]
    return found.data | {"breakout": breakout | {"rooms": rooms}}


def test_many_choices_are_put_together_and_the_last_one_arrives(api: Api) -> None:
    names = [f"p{number}" for number in range(60)]
    meeting = api.meeting("bo", *names)
    red, blue = opened(api, meeting)["rooms"]
    tokens = [api.token(meeting, name) for name in names]
    heard: list[Event] = []

    def follow(stream: Stream) -> None:
        while not heard or sum(counts(heard[-1])) < len(names):
            heard.append(stream.next())

    with _sent() as sent, api.stream(api.token(meeting, "bo")) as stream, ThreadPoolExecutor(4) as pool:
        following = pool.submit(follow, stream)
        for number, token in enumerate(tokens):
            pool.submit(choose, api, token, (red, blue)[number % 2])
        following.result()
    assert counts(heard[-1]) == [30, 30]
    assert len({found.data["version"] for found in heard}) == 1
    assert len(sent) == len(heard)
    assert min(later - sooner for sooner, later in pairwise(sent)) >= COUNTS_APART_SECONDS
    assert len(heard) < len(names) / 2


@contextmanager
def _sent() -> Iterator[list[float]]:
    """Collect when the server sends seats on streams, because what is read may be a moment late."""
    times, take = list[float](), SeatListener.take_seat

    def noted(listener: SeatListener) -> ShownSeat | None:
        seat = take(listener)
        if seat is not None:
            times.append(time.monotonic())
        return seat

    with patch.object(SeatListener, "take_seat", noted):
        yield times


def test_nothing_is_sent_while_nothing_changes(api: Api) -> None:
    meeting = api.meeting("ana", "bo")
    breakout = opened(api, meeting)
    with _statements(api, COUNTS) as looks, api.stream(api.token(meeting, "bo")) as stream:
        stream.next()
        read = len(looks)
        wait_until(lambda: len(looks) > read + 2, what="three looks")
        api.post(f"/v1/breakouts/{breakout['id']}/broadcast", {"text": "hello"}, 202)
        assert stream.next().name == "broadcast"


def test_who_may_not_choose_hears_nothing_of_it_and_costs_nothing(api: Api) -> None:
    meeting = api.meeting("ana", "bo", hosts=("di",))
    rooms = [{"name": "Red", "participants": ["ana"]}, {"name": "Blue", "participants": ["bo"]}]
    breakout = opened(api, meeting, assignment={"mode": "manual"}, rooms=rooms)
    with ExitStack() as stack:
        ana = stack.enter_context(api.stream(api.token(meeting, "ana")))
        assert ana.next().data["breakout"]["rooms"] is None
        with _statements(api, COUNTS) as looks, _statements(api, VERSIONS) as reads:
            wait_until(lambda: len(reads) > 2, what="three regular reads")
            assert looks == []
        di = stack.enter_context(api.stream(api.token(meeting, "di")))
        assert counts(di.next()) == [1, 1]
        api.put(f"/v1/breakouts/{breakout['id']}/participants/bo/room", {"room_id": breakout["rooms"][0]["id"]}, 202)
        assert counts(di.next()) == [2, 0], "hosts may always choose"
        api.post(f"/v1/breakouts/{breakout['id']}/broadcast", {"text": "hello"}, 202)
        assert ana.next().name == "broadcast"


def test_one_statement_reads_the_counts_for_all_streams(api: Api) -> None:
    meetings = [api.meeting("ana", "bo", "cy") for _ in range(2)]
    breakouts = [opened(api, meeting) for meeting in meetings]
    with ExitStack() as stack:
        streams = [
            stack.enter_context(api.stream(api.token(meeting, name))) for meeting in meetings for name in ("bo", "cy")
        ]
        for stream in streams:
            stream.next()
        with _statements(api, COUNTS) as looks:
            began = time.monotonic()
            for meeting, breakout in zip(meetings, breakouts, strict=True):
                choose(api, api.token(meeting, "ana"), breakout["rooms"][0])
            assert [counts(stream.next()) for stream in streams] == [[1, 0]] * len(streams)
            looked_most = 2 + (time.monotonic() - began) / SOONEST_SECONDS
            assert len(looks) <= looked_most + len(meetings), (
                "each choice is answered with a seat, and sent on no stream"
            )


@contextmanager
def _statements(api: Api, text: str) -> Iterator[list[str]]:
    """Collect the statements with this text."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if text in " ".join(statement.split()):
            found.append(statement)

    event.listen(api.deps.database.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(api.deps.database.engine, "before_cursor_execute", note)


def test_counts_never_take_the_place_of_a_newer_seat() -> None:
    empty, full = (ShownRooms("breakout", "names", text) for text in ("[0]", "[1]"))
    first, second = (ShownSeat(version, "{", empty, "}") for version in (1, 2))
    listener = SeatListener(ClientToken("ana", "meeting", datetime.now(UTC)))
    listener.begin(first, {})
    listener.offer_seat(second)
    listener.offer_counts(first, full)
    assert listener.take_seat() is second
    assert not listener.may_have_counts(time.monotonic()), "it has just sent a seat"
    listener.offer_counts(second, full)
    assert listener.may_have_counts(time.monotonic()), "what waits may still change"
    assert (waiting := listener.take_seat()) is not None
    assert (waiting.version, waiting.text) == (2, "{[1]}")


def test_a_seat_is_written_as_if_its_rooms_were_not_written_apart(api: Api) -> None:
    meeting = api.meeting('"rooms":[]', "bö", hosts=("di",))
    rooms = [{"name": 'a "rooms":[] b', "participants": ['"rooms":[]']}, {"name": "Blå", "participants": ["bö"]}]
    opened(api, meeting, assignment={"mode": "manual"}, rooms=rooms)
    people = [person["id"] for person in api.get(f"/v1/meetings/{meeting['id']}/participants")["items"]]
    read = seats.read(api.deps, people).found
    written = shown(read)
    assert {key: it.text for key, it in written.items()} == {
        key: it.model_dump_json(ensure_ascii=True) for key, it in read.items()
    }
    assert sum(it.rooms is not None for it in written.values()) == 1


def _seconds(pace: Pace, now: float, *, is_behind: bool) -> float:
    """Return how long a look waits from now on, in whole tenths of a second."""
    waits = (tenths / 10 for tenths in range(1000))
    return next(wait for wait in waits if pace.may_look(now + wait + 1e-6, is_behind=is_behind))


@pytest.mark.parametrize(
    ("took", "otherwise", "behind"),
    [
        pytest.param(0, SOONEST_SECONDS, LATEST_SECONDS, id="a quick look"),
        pytest.param(0.2, SOONEST_SECONDS, LATEST_SECONDS - 0.2, id="the shortest pause"),
        pytest.param(0.5, REST_SHARE * 0.5, LATEST_SECONDS - 0.5, id="a pause by what it took"),
        pytest.param(3, LATEST_SECONDS - 3, LATEST_SECONDS - 3, id="the longest pause"),
        pytest.param(20, SOONEST_SECONDS, SOONEST_SECONDS, id="a look that took too long"),
    ],
)
def test_the_pause_after_a_look(took: float, otherwise: float, behind: float) -> None:
    pace = Pace()
    assert _seconds(pace, 0, is_behind=True) == 0, "the first need not wait"
    pace.looked(100, 100 + took)
    assert _seconds(pace, 100 + took, is_behind=False) == pytest.approx(otherwise)
    assert _seconds(pace, 100 + took, is_behind=True) == pytest.approx(behind)
