"""The sandbox in a thread on a free port."""

import threading
import time
from types import TracebackType
from typing import Any, Self

import httpx

from orchestrator.sandbox.app import create_app
from orchestrator.sandbox.server import free_socket, server
from orchestrator.sandbox.world.config import SandboxConfig

JSON = dict[str, Any]


class SandboxServer:
    """A running sandbox and its control API; `stop()` it, or use it in a `with`."""

    account_id = "a" * 32
    app_id = "14a396e7-0f5c-4a7e-9d43-7b1c2d3e4f50"
    api_token = "sandbox-token"

    def __init__(self, config: SandboxConfig | None = None) -> None:
        self.app = create_app(config)
        self._socket = free_socket()
        self.port: int = self._socket.getsockname()[1]
        self.root = f"http://127.0.0.1:{self.port}"
        self.base_url = f"{self.root}/client/v4"
        self._server = server(self.app, "127.0.0.1", self.port)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        self._door = httpx.Client(base_url=f"{self.root}/_sandbox", timeout=40, verify=False)
        self._wait_until_started()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    def stop(self) -> None:
        """Stop the server and its thread."""
        self._door.close()
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()

    def join(self, auth_token: str) -> JSON:
        """Join with a participant's token and return `peer_id, session_id, meeting_id`. Raises HTTPStatusError."""
        return self._json("POST", "join", {"auth_token": auth_token})

    def leave(self, peer_id: str) -> JSON:
        """Hang up. `left` is False for somebody who had left already, and `because` says how."""
        return self._json("POST", "leave", {"peer_id": peer_id})

    def cut(self, custom_participant_id: str, seconds: float) -> JSON:
        """Break the connections of a person's pages, and let none come again for so long."""
        return self._json("POST", "cut", {"custom_participant_id": custom_participant_id, "seconds": seconds})

    def outage(self, seconds: float) -> JSON:
        """Be gone for so long, for everybody but tests: API, sockets of pages, media."""
        return self._json("POST", "outage", {"seconds": seconds})

    def transfer(self, peer_id: str, auth_token: str) -> JSON:
        """Tell a page to go to another meeting, as RealtimeKit's own breakouts do."""
        return self._json("POST", "transfer", {"peer_id": peer_id, "auth_token": auth_token})

    def end(self, meeting_id: str) -> JSON:
        """End the session like a host that presses "End meeting for all"."""
        return self._json("POST", "end", {"meeting_id": meeting_id})

    def record(self, meeting_id: str, action: str) -> JSON:
        """`start`, `stop`, `pause` or `resume` a recording like a host in the meeting, or let the recorder `fail`."""
        return self._json("POST", "record", {"meeting_id": meeting_id, "action": action})

    def age(self, meeting_id: str, seconds: float) -> JSON:
        """Move the creation of a meeting into the past."""
        return self._json("POST", "age", {"meeting_id": meeting_id, "seconds": seconds})

    def make_anonymous(self, participant_id: str) -> JSON:
        """Take away the caller's own id of somebody, and return their record."""
        return self._json("POST", "anonymous", {"participant_id": participant_id})

    def emit(self, event: JSON) -> JSON:
        """Send any event, signed, to the webhooks that subscribe to its name."""
        return self._json("POST", "emit", event)

    def faults(self, *faults: JSON) -> JSON:
        """Replace all faults by these (`faults()` removes them)."""
        return self._json("PUT", "faults", list(faults))

    def faults_met(self, operation: str | None = None) -> int:
        """Return how many calls (of this operation) the current faults have struck."""
        faults = self._json("GET", "faults")["faults"]
        return sum(fault["struck"] for fault in faults if operation in (None, fault["operation"]))

    def switches(self, **changes: Any) -> JSON:
        """Change switches. Returns all of them."""
        return self._json("PUT", "switches", changes)

    def timings(self, **changes: Any) -> JSON:
        """Change how long things take. Returns all timings."""
        return self._json("PUT", "timings", changes)

    def delivery(self, **changes: Any) -> JSON:
        """Change how webhooks are retried. Returns all of it."""
        return self._json("PUT", "delivery", changes)

    def latency(self, default_ms: float = 0, *, jitter_ms: float = 0, **operations: float) -> JSON:
        """Set the milliseconds of every call, or of single operations."""
        return self._json(
            "PUT", "latency", {"default_ms": default_ms, "jitter_ms": jitter_ms, "operations": operations}
        )

    def budget(self, calls: int | None = None, window_seconds: float = 300, block_seconds: float = 300) -> JSON:
        """Limit the calls per sliding window; without a number there is no limit."""
        limit = {"calls": calls, "window_seconds": window_seconds, "block_seconds": block_seconds}
        return self._json("PUT", "budget", limit if calls else None)

    def calls(self) -> JSON:
        """Return `counts` and `statuses` per operation, `max_in_flight`, `log` and `budget`."""
        return self._json("GET", "calls")

    def forget_calls(self) -> None:
        """Restart the counts."""
        self._json("DELETE", "calls")

    def deliveries(self) -> JSON:
        """Return the attempts to deliver webhooks, and how many are `pending`."""
        return self._json("GET", "deliveries")

    def state(self) -> JSON:
        """Return all meetings, participants, sessions, peers, recordings and webhooks."""
        return self._json("GET", "state")

    def present(self, meeting_id: str) -> list[str]:
        """Return the sorted custom ids of the people in a meeting."""
        peers = [peer for peer in self.state()["peers"] if peer["meeting_id"] == meeting_id and not peer["left_at"]]
        return sorted(peer["custom_participant_id"] for peer in peers)

    def rest(self, method: str, path: str, body: JSON | None = None) -> JSON:
        """Make a call of RealtimeKit's API, as somebody else with a token of the account. Raises HTTPStatusError."""
        url = f"{self.base_url}/accounts/{self.account_id}/realtime/kit/{self.app_id}{path}"
        answer = self._door.request(method, url, json=body, headers={"Authorization": f"Bearer {self.api_token}"})
        answer.raise_for_status()
        found: JSON = answer.json()["data"]
        return found

    def delete_participants(self, meeting_id: str) -> None:
        """Delete everybody's record in a meeting, as somebody else may."""
        for record in self.records(meeting_id).values():
            self.rest("DELETE", f"/meetings/{meeting_id}/participants/{record['id']}")

    def records(self, meeting_id: str) -> dict[str, JSON]:
        """Return the participants of a meeting by their custom ids."""
        mine = [record for record in self.state()["participants"] if record["meeting_id"] == meeting_id]
        return {record["custom_participant_id"]: record for record in mine}

    def reset(self) -> None:
        """Remove everything and restore the configured settings, which is faster than a new sandbox."""
        self._json("POST", "reset")

    def _json(self, method: str, door: str, body: Any = None) -> JSON:
        answer = self._door.request(method, f"/{door}", json=body)
        answer.raise_for_status()
        found: JSON = answer.json()
        return found

    def _wait_until_started(self) -> None:
        deadline = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the sandbox did not start")
            time.sleep(0.005)
