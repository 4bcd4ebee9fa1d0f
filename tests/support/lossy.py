"""A door to the API that loses answers, or gives others instead, as a network and its proxies do."""

import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import httpx

THROUGH = None
LOST = 0
"""The request goes through, and its answer does not come back."""


class LossyDoor:
    """Does with requests in turn what `mishaps` say (a status: that is answered instead), then lets all through."""

    def __init__(self, url: str, *mishaps: int | None) -> None:
        self.mishaps = deque(mishaps)
        self.asked: list[tuple[str, str, str | None]] = []
        """Method, path and Idempotency-Key of each request."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(url))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Itself, open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self, url: str) -> type[BaseHTTPRequestHandler]:
        door = self

        class Handler(BaseHTTPRequestHandler):
            def _pass_on(self) -> None:
                door.asked.append((self.command, self.path, self.headers["Idempotency-Key"]))
                mishap = door.mishaps.popleft() if door.mishaps else THROUGH
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                if mishap:
                    self._answer(mishap, b"not now")
                    return
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                found = httpx.request(self.command, url + self.path, content=body, headers=headers, trust_env=False)
                if mishap is THROUGH:
                    self._answer(found.status_code, found.content)

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Retry-After", "0")
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_PATCH = _pass_on  # noqa: N815 - the names that http.server looks for

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in http.server
                pass

        return Handler
