"""The API in a thread on a free port, and the requests of tests."""

import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import select
from sqlmodel import col
from starlette.routing import BaseRoute

from orchestrator.api.app import create_app
from orchestrator.api.heads import BoundedHeads
from orchestrator.cli.api import KEEP_ALIVE_SECONDS
from orchestrator.sandbox.server import free_socket
from orchestrator.services.deps import Deps
from orchestrator.services.webhooks import applying
from schemas.tables import Inbox
from tests.api import described
from tests.support.waiting import LONG, wait_until

JSON = dict[str, Any]
OPERATOR, VIEWER = "operators-key", "viewers-key"
API_KEYS = f"ops:operator:{OPERATOR},eyes:viewer:{VIEWER}"
UNKNOWN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
"""An id in our form that does not exist."""


_included: dict[int, BaseRoute] = {}
"""What an application made of each router that it includes."""


def _share_routes(app: FastAPI) -> None:
    """Let it take the included routes of the first application: FastAPI builds their schemas for each anew (0.2 s)."""
    routes = app.router.routes
    for place, route in enumerate(routes):
        if router := getattr(route, "original_router", None):
            routes[place] = _included.setdefault(id(router), route)


def bearer(token: str) -> dict[str, str]:
    """Return the header for a key or a client token."""
    return {"Authorization": f"Bearer {token}"}


class Api:
    """A running API; `client` has an operator's key."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps
        self.app = create_app(deps)
        _share_routes(self.app)
        self._socket = free_socket()
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            self.app,
            http=BoundedHeads,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        wait_until(lambda: self._server.started or not self._thread.is_alive(), what="the API's start")
        self.client, self.stranger = self._client(bearer(OPERATOR)), self._client({})

    def _client(self, headers: dict[str, str]) -> httpx.Client:
        """Make a client without certificates, because loading them takes longer than most tests."""
        hooks = {"response": [described.check]}
        return httpx.Client(
            base_url=self.url, headers=headers, timeout=LONG, trust_env=False, verify=False, event_hooks=hooks
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.client.close()
        self.stranger.close()
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()

    def apply_facts(self) -> None:
        """Apply the facts that wait, as a worker's task does."""
        with self.deps.database.reading() as session:
            inboxes = select(col(Inbox.id), col(Inbox.claim)).where(col(Inbox.due_at).is_not(None))
            waiting = session.execute(inboxes).all()
        for inbox_id, claim in waiting:
            applying.apply(self.deps, inbox_id, claim)

    def meeting(self, *names: str, hosts: tuple[str, ...] = (), **fields: Any) -> JSON:
        """Create a meeting with these people, and return its id."""
        people: list[JSON] = [{"custom_participant_id": name, "name": name.title()} for name in names]
        people += [{"custom_participant_id": name, "name": name.title(), "role": "host"} for name in hosts]
        return self.post("/v1/meetings", {"title": "Physics", "participants": people, **fields}, 201)

    def breakout(self, meeting: JSON, expect: int = 201, **fields: Any) -> JSON:
        """Create a breakout, by default with two rooms."""
        body = fields if "room_size" in fields else {"rooms": 2, **fields}
        return self.post(f"/v1/meetings/{meeting['id']}/breakouts", body, expect)

    def token(self, meeting: JSON, name: str, **body: Any) -> str:
        """Issue a client token."""
        path = f"/v1/meetings/{meeting['id']}/participants/{name}/client-tokens"
        return str(self.post(path, body, 201)["token"])

    def get(self, path: str, expect: int = 200, **query: Any) -> JSON:
        """GET as an operator."""
        return checked(self.client.get(path, params=query or None), expect)

    def post(self, path: str, body: Any = None, expect: int = 200) -> JSON:
        """POST as an operator."""
        return checked(self.client.post(path, json=body), expect)

    def put(self, path: str, body: Any, expect: int = 200) -> JSON:
        """PUT as an operator."""
        return checked(self.client.put(path, json=body), expect)

    def stream(self, token: str, last_event_id: str | None = None) -> AbstractContextManager["Stream"]:
        """Open a seat stream."""
        return open_stream(self.stranger, "/v1/seat/events", token, last_event_id)

    def events(
        self, breakout: JSON, last_event_id: str | None = None, key: str = OPERATOR
    ) -> AbstractContextManager["Stream"]:
        """Open a stream of a breakout's log."""
        return open_stream(self.stranger, f"/v1/breakouts/{breakout['id']}/events", key, last_event_id)


@contextmanager
def open_stream(client: httpx.Client, url: str, token: str, last_event_id: str | None = None) -> Iterator["Stream"]:
    """Open a stream of server-sent events, and return when its response has begun."""
    headers = bearer(token) | ({"Last-Event-ID": last_event_id} if last_event_id else {})
    with client.stream("GET", url, headers=headers) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store, no-transform", "no proxy may keep or compress it"
        yield Stream(response.iter_lines())


@dataclass
class Event:
    """One server-sent event."""

    name: str
    id: str
    data: JSON


class Stream:
    """Reads events one by one; comments are kept apart."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.comments: list[str] = []

    def __iter__(self) -> Iterator[Event]:
        """Yield all events until the stream ends."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if line:
                key, _, value = line.partition(": ")
                fields[key] = value
                if not key:
                    self.comments.append(value)
            elif "event" in fields:
                yield Event(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
                fields = {}
            else:
                fields = {}

    def next(self) -> Event:
        """Wait for the next event. Raises httpx.ReadTimeout if none comes."""
        found = next(iter(self), None)
        assert found is not None, "the stream has ended"
        return found

    def next_named(self, name: str) -> Event:
        """Wait for the next event of that name."""
        while (found := self.next()).name != name:
            pass
        return found

    def next_of_each(self, *names: str) -> dict[str, Event]:
        """Wait for one event of each of these names in any order, and return the last of each."""
        found: dict[str, Event] = {}
        while set(names) - found.keys():
            event = self.next()
            found[event.name] = event
        return found


def checked(response: httpx.Response, expect: int) -> JSON:
    """Return the body of a response that must have this status."""
    assert response.status_code == expect, response.text
    if response.is_error:
        assert response.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "status", "detail"} <= response.json().keys()
    body: JSON = response.json()
    return body
