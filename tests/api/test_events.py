"""A breakout's log as operators read it: as a stream without gap or repetition, and as a list."""

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert

from orchestrator.services.deps import Deps
from schemas.events import EventType
from schemas.tables import Event, Recording
from tests.api.conftest import parts
from tests.api.server import JSON, OPERATOR, UNKNOWN_ID, VIEWER, Api, Stream, bearer
from tests.support import logs
from tests.support.sandbox_server import SandboxServer
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until

LONG = 20_000
FILLING: JSON = {"actor": "system", "data": {"x": "x" * 500}}


@pytest.fixture
def breakout(api: Api) -> JSON:
    """Make a breakout that is closing, so that its log has a few events."""
    made = api.breakout(api.meeting("ana", "bo"), 202, start="now")
    return api.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 600}, 202)


def change(deps: Deps, breakout: JSON, *fields: str) -> None:
    with deps.database.transaction() as tx, logs.log_of(tx, breakout["id"]) as b:
        b.log(EventType.BREAKOUT_CHANGED, {"fields": list(fields)})


def log_of(api: Api, breakout: JSON) -> list[JSON]:
    items: list[JSON] = api.get(f"/v1/breakouts/{breakout['id']}/log", limit=200)["items"]
    return items


def take(stream: Stream, count: int) -> list[JSON]:
    """Return the data of the next events, and check that each has its own number and type."""
    found = []
    for event in (stream.next() for _ in range(count)):
        assert (event.id, event.name) == (str(event.data["id"]), event.data["type"])
        found.append(event.data)
    return found


def test_a_stream_tells_the_whole_log_and_then_what_is_new(api: Api, breakout: JSON) -> None:
    so_far = log_of(api, breakout)
    assert [event["id"] for event in so_far] == list(range(1, len(so_far) + 1))
    assert so_far[0].keys() == {"id", "type", "at", "actor", "data"}
    assert (so_far[0]["type"], so_far[0]["data"]) == ("breakout.state", {"from": "draft", "to": "opening"})
    assert so_far[0]["at"].endswith("Z")
    assert (so_far[0]["actor"], so_far[-1]["data"]["to"], so_far[-1]["actor"]) == ("key:ops", "closing", "key:ops")
    with api.events(breakout) as stream:
        assert take(stream, len(so_far)) == so_far
        for number in range(3):
            change(api.deps, breakout, str(number))
            (new,) = take(stream, 1)
            assert (new["id"], new["data"]) == (len(so_far) + number + 1, {"fields": [str(number)]})


def test_a_number_that_was_seen_is_where_it_goes_on(api: Api, breakout: JSON) -> None:
    so_far = log_of(api, breakout)
    with api.events(breakout, "1") as stream:
        assert take(stream, len(so_far) - 1) == so_far[1:]
    with api.events(breakout, str(len(so_far))) as stream:
        change(api.deps, breakout, "name")
        assert take(stream, 1)[0]["id"] == len(so_far) + 1


def test_a_last_event_id_that_is_not_ours_is_none(api: Api, breakout: JSON) -> None:
    for strange in ("0", "999999999", "9" * 30, "-1", "1.0", "01", "x", f"{UNKNOWN_ID}:1", "\u00b2"):
        headers = bearer(OPERATOR) | {"Last-Event-ID": strange.encode()}
        path = f"/v1/breakouts/{breakout['id']}/events"
        with api.stranger.stream("GET", path, headers=headers) as response:  # type: ignore[arg-type]  # bytes are sent unchanged
            assert Stream(response.iter_lines()).next().id == "1", strange


def test_an_unknown_breakout_has_no_stream(api: Api) -> None:
    for path in ("events", "log", "recordings"):
        assert "breakout" in api.get(f"/v1/breakouts/{UNKNOWN_ID}/{path}", 404)["detail"]
        api.get(f"/v1/breakouts/x/{path}", 404)
    assert api.app.state.hub.streams == 0


def test_a_viewer_may_follow(api: Api, breakout: JSON) -> None:
    with api.events(breakout, key=VIEWER) as stream:
        assert stream.next().id == "1"


def test_the_list_pages_through_the_same_events(api: Api, breakout: JSON) -> None:
    path = f"/v1/breakouts/{breakout['id']}/log"
    found: list[JSON] = []
    cursor: JSON = {}
    while True:
        page = api.get(path, limit=2, **cursor)
        found += page["items"]
        if page["next_cursor"] is None:
            break
        assert page["next_cursor"] == str(found[-1]["id"])
        cursor = {"cursor": page["next_cursor"]}
    assert found == log_of(api, breakout)
    assert api.get(path, cursor=999) == {"items": [], "next_cursor": None}
    for wrong in ("x", "-1", "1.5", "", UNKNOWN_ID, "9" * 30):
        assert api.get(path, 422, cursor=wrong)["errors"][0]["loc"] == ["query", "cursor"]


def test_whatever_is_said_stays_on_its_line(api: Api, breakout: JSON) -> None:
    with api.events(breakout, str(len(log_of(api, breakout)))) as stream:
        for text in ("two\nlines\r\n\r\ndata: x", "\u2028 \u2029 \x85 \x0b", "ünïcödé 🙂"):
            change(api.deps, breakout, text)
            assert take(stream, 1)[0]["data"]["fields"] == [text]


def test_readers_at_different_places_all_get_everything_once(api: Api, breakout: JSON) -> None:
    with api.events(breakout) as first, api.events(breakout) as second, api.events(breakout, "2") as third:
        for number in range(50):
            change(api.deps, breakout, str(number))
        so_far = log_of(api, breakout)
        assert take(first, len(so_far)) == take(second, len(so_far)) == so_far
        assert take(third, len(so_far) - 2) == so_far[2:]


def test_a_slow_reader_of_a_long_log_piles_up_nothing_and_misses_nothing(api: Api, breakout: JSON) -> None:
    lengthen(api.deps, breakout)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(20)
        slow.connect(("127.0.0.1", int(api.url.rsplit(":", 1)[1])))
        path = f"/v1/breakouts/{breakout['id']}/events"
        slow.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATOR}\r\n\r\n".encode())
        (listener,) = wait_until(lambda: api.app.state.hub.logs.of(breakout["id"]), what="the stream")
        sent = wait_until(steady(lambda: listener.cursor), every=0.2, what="waiting for the reader")
        assert 0 < sent < LONG, "all of it went into buffers"
        api.get("/healthz")
        with slow.makefile("rb") as lines:
            ids = (int(line[3:]) for line in lines if line.startswith(b"id:"))
            assert [next(ids) for _ in range(LONG)] == list(range(1, LONG + 1))


def lengthen(deps: Deps, breakout: JSON) -> None:
    """Extend a breakout's log to LONG events."""
    with deps.database.transaction() as tx, logs.log_of(tx, breakout["id"]) as b:
        row = b.row
        event = {"breakout_id": row.id, "type": "breakout.changed", "at": datetime.now(UTC)} | FILLING
        tx.session.execute(insert(Event), [event | {"number": n} for n in range(row.events + 1, LONG + 1)])
        row.events = LONG


def steady(measure: Callable[[], int]) -> Callable[[], int]:
    """Return a condition that holds when a measured value is not zero and is the same as at the last call."""
    seen = [0]

    def look() -> int:
        before, seen[0] = seen[0], measure()
        return before if before == seen[0] else 0

    return look


@pytest.fixture
def api_with_own_broker(sandbox: SandboxServer, sqlite_url: str, own_valkey: Valkey, tmp_path: Path) -> Iterator[Api]:
    """Run an API with a broker of its own."""
    with parts(sandbox, tmp_path, database_url=sqlite_url, broker_url=own_valkey.url) as built, Api(built) as running:
        yield running


def test_streams_go_on_while_redis_is_away_and_after_it_is_back(api_with_own_broker: Api, own_valkey: Valkey) -> None:
    breakout = api_with_own_broker.breakout(api_with_own_broker.meeting("ana"))
    with api_with_own_broker.events(breakout) as stream:
        own_valkey.kill()
        change(api_with_own_broker.deps, breakout, "away")
        assert take(stream, 1)[0]["data"] == {"fields": ["away"]}
        own_valkey.start()
        change(api_with_own_broker.deps, breakout, "back")
        assert take(stream, 1)[0]["data"] == {"fields": ["back"]}


def test_a_stream_that_is_left_is_forgotten(api: Api, breakout: JSON) -> None:
    with api.events(breakout) as stream:
        stream.next()
        assert api.app.state.hub.streams == 1
    wait_until(lambda: api.app.state.hub.streams == 0, what="nobody")


def test_every_recording_of_every_room_is_listed(api: Api) -> None:
    breakout = api.breakout(api.meeting("ana", "bo"), record=True)
    path, (one, two) = f"/v1/breakouts/{breakout['id']}/recordings", breakout["rooms"]
    assert api.get(path) == {"items": [], "next_cursor": None}
    with api.deps.database.transaction() as tx:
        for room in (one, two, one):
            tx.session.add(Recording(breakout_id=breakout["id"], room_id=room["id"], created_at=tx.now()))
    rooms = [(one["id"], "Room 1"), (two["id"], "Room 2"), (one["id"], "Room 1")]
    items = api.get(path)["items"]
    assert [(item["room_id"], item["room_name"]) for item in items] == rooms
    latest = api.get(f"/v1/breakouts/{breakout['id']}")["rooms"][0]["recording"]
    assert items[2] == latest | {"room_id": one["id"], "room_name": "Room 1"}
    first = api.get(path, limit=2)
    assert first["items"] == items[:2]
    assert api.get(path, cursor=first["next_cursor"]) == {"items": items[2:], "next_cursor": None}
    api.get(path, 422, cursor="2")
