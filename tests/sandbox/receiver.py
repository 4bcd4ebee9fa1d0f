"""An HTTP server that receives webhooks and answers with the statuses that a test sets."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.http_server import LocalServer, RequestHandler


@dataclass(frozen=True)
class Received:
    """One delivery."""

    raw: bytes
    signature: str
    uuid: str
    webhook_id: str
    status: int

    @property
    def body(self) -> Any:
        """The parsed body."""
        return json.loads(self.raw)

    @property
    def event(self) -> str:
        """The name of the event."""
        return str(self.body["event"])


class Receiver(LocalServer):
    """Keeps deliveries in `received`; answers with the next status of `answers`, then with 200."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[int] = []
        super().__init__(_handler(self._take))
        self.url += "/hook"

    def events(self) -> list[str]:
        """Return the names of the received events, in order."""
        return [each.event for each in self.received]

    def of(self, event: str) -> list[Any]:
        """Return the bodies of all events with a name."""
        return [each.body for each in self.received if each.event == event]

    def _take(self, raw: bytes, headers: dict[str, str]) -> int:
        status = self.answers.pop(0) if self.answers else 200
        signature, uuid, webhook = (headers.get(f"rtk-{name}", "") for name in ("signature", "uuid", "webhook-id"))
        self.received.append(Received(raw, signature, uuid, webhook, status))
        return status


def _handler(take: Callable[[bytes, dict[str, str]], int]) -> type[RequestHandler]:
    class Request(RequestHandler):
        def deliver(self) -> None:
            self.answer(take(self.content(), {name.lower(): value for name, value in self.headers.items()}))

        do_POST = deliver  # noqa: N815 - the name that http.server looks for

    return Request
