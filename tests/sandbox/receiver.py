"""An HTTP server that takes webhooks and answers as it is told."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


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
        """Parsed."""
        return json.loads(self.raw)

    @property
    def event(self) -> str:
        """Its name."""
        return str(self.body["event"])


class Receiver:
    """`url` to register; `received` in order; `answers` are statuses for the next deliveries, then 200."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[int] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._take))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def events(self) -> list[str]:
        """Names of what was received, in order."""
        return [each.event for each in self.received]

    def of(self, event: str) -> list[Any]:
        """Bodies of all events of a name."""
        return [each.body for each in self.received if each.event == event]

    def _take(self, raw: bytes, headers: dict[str, str]) -> int:
        status = self.answers.pop(0) if self.answers else 200
        signature, uuid, webhook = (headers.get(f"rtk-{name}", "") for name in ("signature", "uuid", "webhook-id"))
        self.received.append(Received(raw, signature, uuid, webhook, status))
        return status


def _handler(take: Callable[[bytes, dict[str, str]], int]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            status = take(raw, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the overridden one
            """Say nothing."""

    return Handler
