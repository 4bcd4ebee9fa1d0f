"""Seat streams: the current seat at once, news within a moment, nothing twice, also while Redis is away."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.api.crowd.position import Position
from orchestrator.api.streams import changed_ids
from orchestrator.api.streams.seat_listener import MAX_UNSENT_NEWS
from orchestrator.runtime.ports import free_port
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import sync
from schemas.states import BreakoutState
from schemas.tables import Breakout, Meeting, Participant
from tests.api.conftest import environment, parts, settings_for
from tests.api.server import JSON, UNKNOWN_ID, Api, Stream, bearer, checked
from tests.support import logs
from tests.support.processes import Processes
from tests.support.sandbox_server import SandboxServer
from tests.support.valkey import Valkey
from tests.support.waiting import LONG, wait_until

S = {
    "version",
    "location",
    "meeting_id",
    "parent_realtimekit_meeting_id",
    "realtimekit_meeting_id",
    "recorded",
    "room_id",
    "room_name",
    "auth_token",
    "breakout",
}


@pytest.fixture
def seldom_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the regular reading come so late that only what is said through Redis can have told a stream."""
    monkeypatch.setattr(changed_ids, "READ_ALL_SECONDS", 10 * LONG)


@pytest.fixture
def meeting(api: Api) -> JSON:
    return api.meeting("ana", "bo", hosts=("di",))


def test_a_stream_begins_with_the_present_seat(api: Api, meeting: JSON) -> None:
    token = api.token(meeting, "ana")
    now = checked(api.stranger.get("/v1/seat", headers=bearer(token)), 200)
    assert set(now) == S
    assert (now["location"], now["meeting_id"], now["breakout"]) == ("main", meeting["id"], None)
    with api.stream(token) as stream:
        first = stream.next()
    assert (first.name, first.data) == ("seat", now)


def test_a_stream_asks_for_another_token_before_the_one_for_main_ends(api: Api, meeting: JSON) -> None:
    with api.stream(api.token(meeting, "ana")) as stream:
        before = stream.next().data
        wait_until(lambda: _wanted(api, meeting) == ["ana"], what="the first token")
        with api.deps.database.transaction() as tx:
            row = tx.session.get_one(Meeting, meeting["id"])
        sync.sync(api.deps, row.id, row.claim)
        first = stream.next().data
        assert first["auth_token"] not in (None, before["auth_token"])
        with api.deps.database.transaction() as tx:
            tx.session.execute(update(Participant).values(token_renew_at=tx.now()))
        wait_until(lambda: _wanted(api, meeting) == ["ana"], what="the next token")


def _wanted(api: Api, meeting: JSON) -> list[str]:
    statement = select(col(Participant.custom_participant_id)).where(
        col(Participant.meeting_id) == meeting["id"], col(Participant.token_wanted)
    )
    with api.deps.database.reading() as session:
        return list(session.scalars(statement))


@pytest.mark.usefixtures("seldom_read")
def test_a_change_comes_at_once_and_so_does_the_closing_of_an_opening(api: Api, meeting: JSON) -> None:
    with api.stream(api.token(meeting, "ana")) as stream:
        before = stream.next().data
        breakout = api.breakout(meeting, 202, start="now", countdown_seconds=60)
        seat = stream.next()
        assert (seat.name, seat.data["breakout"]["id"]) == ("seat", breakout["id"])
        assert seat.data["version"] > before["version"]
        api.post(f"/v1/breakouts/{breakout['id']}/close", {"countdown_seconds": 30}, 202)
        told = stream.next_of_each("closing", "seat")
        assert told["closing"].data == {"countdown_seconds": 30}
        assert told["seat"].data["breakout"]["state"] == "closing"
        assert told["seat"].data["breakout"]["empties_at"].endswith("Z")


def test_hosts_without_a_room_are_told_too(api: Api, meeting: JSON) -> None:
    with api.stream(api.token(meeting, "di")) as stream:
        stream.next()
        breakout = api.breakout(meeting, 202, start="now")
        api.post(f"/v1/breakouts/{breakout['id']}/close", None, 202)
        assert stream.next_named("closing").data == {"countdown_seconds": 60}


def test_another_meeting_s_people_hear_nothing(api: Api, meeting: JSON) -> None:
    other = api.meeting("ana")
    with api.stream(api.token(other, "ana")) as stream:
        stream.next()
        breakout = api.breakout(meeting, 202, start="now")
        api.post(f"/v1/breakouts/{breakout['id']}/close", None, 202)
        api.breakout(other, 202, start="now")
        event = stream.next()
        assert (event.name, event.data["breakout"]["state"]) == ("seat", "opening")


def closed_breakout(api: Api, meeting: JSON) -> JSON:
    breakout = api.breakout(meeting, 202, start="now")
    return api.post(f"/v1/breakouts/{breakout['id']}/close", {"countdown_seconds": 20}, 202)


def test_what_was_missed_is_told_only_to_those_who_say_what_they_have_seen(api: Api, meeting: JSON) -> None:
    token = api.token(meeting, "ana")
    with api.stream(token) as stream:
        seen = stream.next().id
    closed_breakout(api, meeting)
    with api.stream(token) as stream:
        assert stream.next().name == "seat"
    with api.stream(token, seen) as stream:
        missed = stream.next()
        assert missed.name == "closing"
        assert 15 <= missed.data["countdown_seconds"] <= 20, "the seconds left now"
        assert stream.next().name == "seat"
    with api.stream(token, missed.id) as stream:
        assert stream.next().name == "seat"


def warn(api: Api, breakout: JSON, remaining_seconds: int, room_ids: list[str] | None = None) -> None:
    logs.warn(api.deps.database, breakout["id"], remaining_seconds, room_ids=room_ids)


def test_a_warning_reaches_those_whom_it_concerns(api: Api, meeting: JSON) -> None:
    rooms = [{"name": "A", "participants": ["ana"]}, {"name": "B", "participants": ["bo"]}]
    with ExitStack() as stack:
        ana, bo, di = (stack.enter_context(api.stream(api.token(meeting, name))) for name in ("ana", "bo", "di"))
        breakout = api.breakout(meeting, 202, start="now", rooms=rooms, assignment={"mode": "manual"})
        warn(api, breakout, 300)
        warn(api, breakout, 60, [room["id"] for room in breakout["rooms"]])
        warn(api, breakout, 30, [])
        warn(api, breakout, 10, [breakout["rooms"][0]["id"]])
        api.post(f"/v1/breakouts/{breakout['id']}/close", {"countdown_seconds": 7}, 202)
        assert warnings_until_closing(ana) == [300, 60, 10]
        assert warnings_until_closing(bo) == [300, 60]
        assert warnings_until_closing(di) == [300]


def warnings_until_closing(stream: Stream) -> list[int]:
    """Return the warnings of a stream until the closing."""
    found = []
    while (event := stream.next()).name != "closing":
        if event.name == "warning":
            assert event.data.keys() == {"remaining_seconds"}
            found.append(event.data["remaining_seconds"])
    return found


def test_missed_warnings_are_told_only_to_those_who_say_what_they_have_seen(api: Api, meeting: JSON) -> None:
    breakout = api.breakout(meeting, 202, start="now", rooms=1)
    token, hosts = api.token(meeting, "ana"), api.token(meeting, "di")
    with api.stream(token) as stream:
        seen = stream.next().id
    is_open_for(api, breakout, 50)
    warn(api, breakout, 300)
    warn(api, breakout, 60, [breakout["rooms"][0]["id"]])
    warn(api, breakout, 10)
    with api.stream(token) as stream:
        assert stream.next().name == "seat"
    for person, is_told in ((hosts, 300), (token, 60)):
        with api.stream(person, seen) as stream:
            first, seat = stream.next(), stream.next()
        assert (first.name, seat.name) == ("warning", "seat"), "only the latest that still holds"
        assert 45 <= first.data["remaining_seconds"] <= 50, f"what is left, not {is_told}"
        with api.stream(person, first.id) as stream:
            assert stream.next().name == "seat"
    is_open_for(api, breakout, 500)
    with api.stream(token, seen) as stream:
        assert stream.next().name == "seat", "the end was put off"


def is_open_for(api: Api, breakout: JSON, seconds: int) -> None:
    """Let a breakout be open for so many seconds more, without opening its rooms."""
    with api.deps.database.transaction() as tx:
        row = tx.session.get_one(Breakout, breakout["id"])
        row.state, row.closes_at = BreakoutState.OPEN, tx.now() + timedelta(seconds=seconds)


def test_a_broadcast_reaches_everybody_or_those_of_some_rooms_once(api: Api, meeting: JSON) -> None:
    rooms = [{"name": "A", "participants": ["ana"]}, {"name": "B", "participants": ["bo"]}]
    breakout = api.breakout(meeting, rooms=rooms, assignment={"mode": "manual"})
    path = f"/v1/breakouts/{breakout['id']}/broadcast"
    assert api.post(path, {"text": "early"}, 409)["state"] == "draft"
    api.post(f"/v1/breakouts/{breakout['id']}/start", None, 202)
    with ExitStack() as stack:
        ana, bo, di = (stack.enter_context(api.stream(api.token(meeting, name))) for name in ("ana", "bo", "di"))
        seen = bo.next().id
        answer = api.post(path, {"text": "all,\nlisten"}, 202)
        assert (answer["id"], answer["version"]) == (breakout["id"], breakout["version"] + 1), "the start alone counts"
        api.post(path, {"text": "A alone", "room_ids": [breakout["rooms"][0]["id"]]}, 202)
        api.post(path, {"text": "all again"}, 202)
        assert [ana.next_named("broadcast").data["text"] for _ in range(3)] == ["all,\nlisten", "A alone", "all again"]
        first = bo.next_named("broadcast")
        assert [first.data["text"], bo.next_named("broadcast").data["text"]] == ["all,\nlisten", "all again"]
        assert [di.next_named("broadcast").data for _ in range(2)] == [{"text": "all,\nlisten"}, {"text": "all again"}]
    for cursor, texts in ((seen, ["all,\nlisten", "all again"]), (first.id, ["all again"]), (None, [])):
        with api.stream(api.token(meeting, "bo"), cursor) as stream:
            told = [stream.next() for _ in range(len(texts) + 1)]
        assert [event.data["text"] for event in told[:-1]] == texts, "what was missed"
        assert told[-1].name == "seat"
    logged = [it["data"] for it in api.get(f"/v1/breakouts/{breakout['id']}/log")["items"] if "text" in it["data"]]
    assert [it["room_ids"] for it in logged] == [None, [breakout["rooms"][0]["id"]], None]
    for wrong in ({"text": ""}, {"text": "x" * 2001}, {"text": "x", "room_ids": [UNKNOWN_ID]}, {"room_ids": None}):
        api.post(path, wrong, 422)


def test_what_was_said_in_a_breakout_is_told_when_it_has_ended_too(api: Api, meeting: JSON) -> None:
    token = api.token(meeting, "ana")
    with api.stream(token) as stream:
        assert stream.next().id == "-:0"
        breakout = api.breakout(meeting, 202, start="now")
        seen = stream.next().id
    assert seen == f"{breakout['id']}:0"
    api.post(f"/v1/breakouts/{breakout['id']}/broadcast", {"text": "listen"}, 202)
    with api.deps.database.transaction() as tx:
        tx.session.get_one(Breakout, breakout["id"]).state = BreakoutState.CLOSED
    with api.stream(token, seen) as stream:
        assert stream.next_named("broadcast").data == {"text": "listen"}


def test_a_browser_that_takes_nothing_comes_back_for_what_it_has_missed(api: Api, meeting: JSON) -> None:
    breakout = api.breakout(meeting, 202, start="now")
    texts = [str(number) for number in range(MAX_UNSENT_NEWS + 20)]
    with api.stream(api.token(meeting, "ana")) as stream:
        seen = stream.next().id
        logs.say(api.deps.database, breakout["id"], *texts)
        heard = list(stream)
    with api.stream(api.token(meeting, "ana"), heard[-1].id if heard else seen) as stream:
        heard += [stream.next() for _ in range(len(texts) - len(heard))]
        assert stream.next().name == "seat"
    assert [event.data["text"] for event in heard] == texts


def test_a_last_event_id_that_is_not_ours_is_none(api: Api, meeting: JSON) -> None:
    token = api.token(meeting, "ana")
    closed = closed_breakout(api, meeting)
    for strange in ("17", "x" * 500, f"{closed['id']}:{'9' * 30}", f"{closed['id']}:-1"):
        with api.stream(token, strange) as stream:
            assert stream.next().name == "seat"


def test_a_position_is_its_own_text() -> None:
    for position in (Position(), Position("01890a5d-ac96-774b-bcce-b302099a8057", 12)):
        assert Position.parse(str(position)) == position


def test_a_browser_s_word_is_checked_and_answered_with_its_seat(api: Api, meeting: JSON) -> None:
    headers = bearer(api.token(meeting, "ana"))

    def ack(body: object, expect: int) -> JSON:
        return checked(api.stranger.post("/v1/seat/ack", json=body, headers=headers), expect)

    assert ack({"location": "main", "version": 0}, 200)["location"] == "main"
    api.apply_facts()
    assert api.get(f"/v1/meetings/{meeting['id']}")["present_count"] == 1
    theirs = api.breakout(api.meeting("ana"), 202, start="now")["rooms"][0]["id"]
    planned = api.breakout(meeting)["rooms"][0]["id"]
    wrong: list[object] = [
        {"location": "away", "version": 0},
        {"location": "main"},
        {"location": "room", "version": 0},
        {"location": "main", "version": 0, "room_id": theirs},
        {"location": "room", "version": 0, "room_id": theirs},
        {"location": "room", "version": 0, "room_id": planned},
        {"location": "room", "version": 0, "room_id": "x"},
        {"location": "main", "version": -1},
        {"location": "main", "version": 2**40},
        {"location": "main", "version": "0"},
        None,
    ]
    for body in wrong:
        ack(body, 422)


def test_a_stream_ends_with_its_token(api: Api, meeting: JSON) -> None:
    ana = api.get(f"/v1/meetings/{meeting['id']}/participants")["items"][0]["id"]
    token = api.app.state.tokens.issue(ana, meeting["id"], api.deps.grace * 0.1)[0]
    with api.stream(token) as stream:
        stream.next()
        with pytest.raises(AssertionError, match="ended"):
            stream.next()
        assert stream.comments[-1] == "the client token has expired"


def test_a_stream_that_is_left_is_forgotten(api: Api, meeting: JSON) -> None:
    hub = api.app.state.hub
    with api.stream(api.token(meeting, "ana")) as stream:
        stream.next()
        assert hub.streams == 1
    deadline = time.monotonic() + 5
    while hub.streams and time.monotonic() < deadline:
        time.sleep(0.01)
    assert hub.streams == 0


@pytest.fixture
def api_with_own_broker(sandbox: SandboxServer, sqlite_url: str, own_valkey: Valkey, tmp_path: Path) -> Iterator[Api]:
    """Run an API with a broker of its own."""
    with parts(sandbox, tmp_path, database_url=sqlite_url, broker_url=own_valkey.url) as built, Api(built) as running:
        yield running


def test_streams_go_on_while_redis_is_away_and_after_it_is_back(api_with_own_broker: Api, own_valkey: Valkey) -> None:
    api, meeting = api_with_own_broker, api_with_own_broker.meeting("ana")
    with api.stream(api.token(meeting, "ana")) as stream:
        stream.next()
        own_valkey.kill()
        breakout = api.breakout(meeting, 202, start="now")
        assert stream.next().data["breakout"]["state"] == "opening"
        own_valkey.start()
        api.post(f"/v1/breakouts/{breakout['id']}/close", None, 202)
        assert stream.next_named("seat").data["breakout"]["state"] == "closing"


def test_two_hundred_streams_all_hear_of_a_change(api: Api) -> None:
    names = [f"p{number}" for number in range(200)]
    meeting = api.meeting(*names)
    tokens = api.app.state.tokens
    people = api.get(f"/v1/meetings/{meeting['id']}/participants", limit=200)["items"]
    limits = httpx.Limits(max_connections=None)
    heard: list[str] = []
    ready = threading.Barrier(len(people) + 1)

    def follow(client: httpx.Client, token: str) -> None:
        with client.stream("GET", f"{api.url}/v1/seat/events", headers=bearer(token)) as response:
            lines = response.iter_lines()
            next(line for line in lines if line.startswith("data: "))
            ready.wait(60)
            next(line for line in lines if line.startswith("data: ") and json.loads(line[6:])["breakout"])
            heard.append(token)

    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(limits=limits, timeout=60, trust_env=False))
        issued = [tokens.issue(person["id"], meeting["id"], api.deps.grace * 30)[0] for person in people]
        threads = [threading.Thread(target=follow, args=(client, token), daemon=True) for token in issued]
        for thread in threads:
            thread.start()
        ready.wait(60)
        api.breakout(meeting, 202, start="now", rooms=20)
        for thread in threads:
            thread.join(60)
    assert sorted(heard) == sorted(issued)


def test_sigterm_ends_open_streams_promptly(
    api: Api, deps: Deps, sandbox: SandboxServer, processes: Processes, tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    ours = settings_for(sandbox, tmp_path, database_url=deps.settings.database_url, broker_url=deps.settings.broker_url)
    process = processes.breakouts("api", env=environment(ours) | {"PORT": str(port)})
    process.wait_for_url(f"{url}/healthz")
    token = api.token(api.meeting("ana"), "ana")
    with httpx.stream("GET", f"{url}/v1/seat/events", headers=bearer(token), trust_env=False) as response:
        lines = response.iter_lines()
        assert next(lines) == "event: seat"
        assert process.stop() in (0, -15)
        assert "graceful shutdown exceeded" not in process.output, "the stream held the process up"
        assert not any(line.startswith("event:") for line in lines)
