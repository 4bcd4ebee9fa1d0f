"""The whole system for a test: sandbox, API, worker and timekeeper as real processes on a real broker and database."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from orchestrator import bootstrap
from orchestrator.runtime import commands
from orchestrator.runtime.ports import free_port
from orchestrator.services.deps import Deps
from orchestrator.services.webhooks.registration import ensure_webhook
from orchestrator.settings import Settings
from orchestrator.store.keys import Keys
from tests.support.crowds import Crowds
from tests.support.databases import engine_of
from tests.support.processes import Process, Processes
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import LONG, wait_until

JSON = dict[str, Any]

KEY = "test-operator-key"
QUICK = {
    "API_KEYS": f"tests:operator:{KEY},watcher:viewer:test-viewer-key",
    "SECRET_KEY": "stacks-secret-key",
    "REALTIMEKIT_REQUESTS_PER_5_MINUTES": "1000000",
    "REALTIMEKIT_TIMEOUT_SECONDS": "2",
    "LEASE_SECONDS": "6",
    "RETURN_GRACE_SECONDS": "2",
    "LOOK_AGAIN_SECONDS": "2",
    "SEARCH_SETTLE_SECONDS": "0.5",
    "SYNC_SECONDS": "1",
    "WEBHOOK_ALLOW_PRIVATE": "true",
    "LOG_LEVEL": "INFO",
    "LOG_JSON": "true",
}
"""Settings by which things that take minutes in production take seconds."""


class Stack:
    """A running system, and an operator's client of its API."""

    def __init__(
        self,
        processes: Processes,
        sandbox: SandboxServer,
        *,
        database_url: str,
        broker_url: str,
        home: Path,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.processes = processes
        self._breakouts = 0
        self.sandbox = sandbox
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **QUICK,
            "DATABASE_URL": database_url,
            "BROKER_URL": broker_url,
            "BREAKOUTS_HOME": str(home),
            "REALTIMEKIT_BASE_URL": sandbox.base_url,
            "REALTIMEKIT_ACCOUNT_ID": sandbox.account_id,
            "REALTIMEKIT_APP_ID": sandbox.app_id,
            "REALTIMEKIT_API_TOKEN": sandbox.api_token,
            "REALTIMEKIT_WEBHOOK_KEYS_URL": f"{sandbox.root}/.well-known/webhooks.json",
            "PORT": str(self.port),
            "METRICS_PORT": str(free_port()),
            "PUBLIC_URL": self.url,
            **(settings or {}),
        }
        headers = {"Authorization": f"Bearer {KEY}"}
        self.api = httpx.Client(base_url=self.url, headers=headers, timeout=LONG, trust_env=False, verify=False)
        self.crowds = Crowds(self.url, sandbox.root)

    def start(self, *, workers: int = 1, timekeepers: int = 1, webhooks: bool = True) -> None:
        """Start everything, and wait until it is ready."""
        self.api_process = self.processes.start(commands.api(), self.environment)
        self.timekeepers = [self.start_timekeeper() for _ in range(timekeepers)]
        self.workers = [self.start_worker() for _ in range(workers)]
        for worker in self.workers:
            worker.wait_for_text(" ready.", 60)
        ready = "readyz" if self.workers else "healthz"  # nothing is ready without a worker
        self.api_process.wait_for_url(f"{self.url}/{ready}")
        if self.timekeepers:
            wait_until(
                lambda: self.readiness()["timekeeper"] == "ok", what="a timekeeper that has looked at the broker"
            )
        if webhooks:
            self.register_webhook()

    def restart_api(self) -> None:
        """Start the API again, after its process was ended, and wait until it is ready."""
        self.api_process = self.processes.start(commands.api(), self.environment)
        self.api_process.wait_for_url(f"{self.url}/readyz")

    @property
    def keys(self) -> Keys:
        """Its names in Redis, as its database has them."""
        return bootstrap.keys_of(self.settings)

    def start_worker(self) -> Process:
        """Start another worker process, for all queues."""
        return self.processes.start(commands.worker(self.settings), self.environment)

    def start_timekeeper(self) -> Process:
        """Start another timekeeper process."""
        return self.processes.start(commands.timekeeper(self.settings), self.environment)

    @property
    def settings(self) -> Settings:
        """The settings that its processes read from their environment."""
        return Settings(**{key.lower(): value for key, value in self.environment.items()})  # type: ignore[arg-type]  # pydantic parses strings

    def register_webhook(self) -> None:
        """Let the sandbox call this API."""
        with self.parts() as deps:
            ensure_webhook(deps)

    @contextmanager
    def parts(self) -> Iterator[Deps]:
        """Build the parts of a process of this system inside this process."""
        deps = bootstrap.build(self.settings)
        try:
            yield deps
        finally:
            deps.close()

    def close(self) -> None:
        """Close the clients and browsers; whoever started the processes ends them."""
        self.crowds.close()
        self.api.close()

    def post(self, path: str, body: JSON | None = None) -> JSON:
        """POST as an operator. Raises AssertionError with the answer if it is an error."""
        return _ok(self.api.post(path, json=body))

    def patch(self, path: str, body: JSON) -> JSON:
        """PATCH as an operator."""
        return _ok(self.api.patch(path, json=body))

    def move(self, breakout_id: str, name: str, room_id: str | None) -> JSON:
        """Move a person to another room, or to main."""
        return _ok(self.api.put(f"/v1/breakouts/{breakout_id}/participants/{name}/room", json={"room_id": room_id}))

    def readiness(self) -> JSON:
        """Return what each part of the system says, whether it is ready or not."""
        return dict(self.api.get("/readyz").json())

    def get(self, path: str) -> JSON:
        """GET as an operator."""
        return _ok(self.api.get(path))

    def meeting(self, people: int, *, hosts: int = 0) -> str:
        """Create a meeting with `p0…` and hosts `h0…` registered, and return its id."""
        persons = [person(f"p{number}") for number in range(people)]
        persons += [person(f"h{number}", role="host") for number in range(hosts)]
        return str(self.post("/v1/meetings", {"title": "Physics", "participants": persons})["id"])

    def breakout(self, meeting_id: str, **body: Any) -> JSON:
        """Create a breakout, by default started at once."""
        self._breakouts += 1
        defaults = {"name": f"Round {self._breakouts}", "start": "now", "countdown_seconds": 1}
        return self.post(f"/v1/meetings/{meeting_id}/breakouts", {**defaults, **body})

    def see(self, breakout_id: str) -> JSON:
        """Read the breakout."""
        return self.get(f"/v1/breakouts/{breakout_id}")

    def wait(
        self, breakout_id: str, state: str, deadline: float = LONG, condition: Callable[[JSON], Any] = lambda _: True
    ) -> JSON:
        """Wait until the breakout is in `state` and the condition holds, and return it."""

        def look() -> JSON | None:
            found = self.see(breakout_id)
            assert found["state"] == state, f"is {found['state']}: {found['progress']} {found['problems']}"
            assert condition(found), f"{found['progress']} {found['problems']}"
            return found

        return wait_until(look, deadline, every=0.1, what=f"breakout {state}") or {}

    def end_soon(self, breakout_id: str, seconds: float = 2) -> None:
        """Set the timer of an open breakout to end in so many seconds."""
        end = datetime.now(UTC) + timedelta(seconds=seconds)
        self.patch(f"/v1/breakouts/{breakout_id}", {"closes_at": end.isoformat()})

    def seat(self, meeting_id: str, name: str) -> JSON:
        """Read a person's seat as their browser does."""
        token = self.post(f"/v1/meetings/{meeting_id}/participants/{name}/client-tokens", {})["token"]
        return _ok(self.api.get("/v1/seat", headers={"Authorization": f"Bearer {token}"}))

    def execute(self, statement: str, **values: Any) -> None:
        """Change the database behind the system's back."""
        engine = engine_of(self.environment["DATABASE_URL"])
        with engine.begin() as connection:
            connection.execute(text(statement), values)
        engine.dispose()

    def people(self, meeting_id: str, names: list[str], **behaviour: Any) -> None:
        """Open browsers for these people, who join the meeting and follow their seats."""
        self.crowds.add({name: self.token(meeting_id, name) for name in names}, **behaviour)

    def token(self, meeting_id: str, name: str, **wish: Any) -> str:
        """Issue a client token for a person's browser."""
        path = f"/v1/meetings/{meeting_id}/participants/{name}/client-tokens"
        return str(self.post(path, wish)["token"])


def person(name: str, **more: Any) -> JSON:
    """Return a participant in the form of the API."""
    return {"custom_participant_id": name, "name": name.upper(), **more}


def _ok(answer: httpx.Response) -> JSON:
    assert answer.is_success, f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}"
    body: JSON = answer.json()
    return body


@contextmanager
def stack_in(processes: Processes, **parts: Any) -> Iterator[Stack]:
    """Make a stack, not started yet, whose clients are closed after the block."""
    with SandboxServer() as sandbox:
        stack = Stack(processes, sandbox, **parts)
        try:
            yield stack
        finally:
            stack.close()
