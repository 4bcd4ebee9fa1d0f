"""A caller's server that hears our webhooks, and answers as a test says."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from standardwebhooks import Webhook

from tests.support.http_server import LocalServer, RequestHandler


@dataclass(frozen=True)
class Heard:
    """One attempt, as it came in."""

    raw: str
    headers: dict[str, str]
    status: int

    @property
    def id(self) -> str:
        """The `webhook-id`."""
        return self.headers["webhook-id"]

    @property
    def body(self) -> Any:
        """The parsed body."""
        return json.loads(self.raw)

    def verified(self, secret: str) -> Any:
        """Return the body, checked by the library of the specification. Raises WebhookVerificationError."""
        return Webhook(secret).verify(self.raw, self.headers)


class CallersServer(LocalServer):
    """Keeps attempts in `heard`; answers with the next status of `answers`, then with `status`, after a wait.

    `at_once` is the most attempts that have waited for their answers at the same time.
    """

    def __init__(self, *, status: int = 204, wait_seconds: float = 0.0, location: str = "") -> None:
        self.heard: list[Heard] = []
        self.answers: list[int] = []
        self.status, self.wait_seconds, self.location = status, wait_seconds, location
        self.at_once, self._waiting, self._lock = 0, 0, threading.Lock()
        super().__init__(_handler(self))
        self.url += "/hook"

    def ids(self) -> list[str]:
        """Return the ids of all attempts, in order."""
        return [each.id for each in self.heard]

    def take(self, raw: bytes, headers: dict[str, str]) -> int:
        """Keep one attempt, and return the status of its answer."""
        status = self.answers.pop(0) if self.answers else self.status
        self.heard.append(Heard(raw.decode(), headers, status))
        with self._waits():
            time.sleep(self.wait_seconds)
        return status

    @contextmanager
    def _waits(self) -> Iterator[None]:
        with self._lock:
            self._waiting += 1
            self.at_once = max(self.at_once, self._waiting)
        yield
        with self._lock:
            self._waiting -= 1


def _handler(server: CallersServer) -> type[RequestHandler]:
    class Request(RequestHandler):
        protocol_version = "HTTP/1.1"

        def deliver(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = server.take(self.content(), headers)
            with suppress(BrokenPipeError, ConnectionResetError):
                self.answer(status, headers={"Location": server.location} if server.location else None)

        do_POST = do_GET = deliver  # noqa: N815 - the names that http.server looks for

    return Request
