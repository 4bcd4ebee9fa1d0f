"""A page in which whoever runs the demo takes a seat themselves, with RealtimeKit's own client and UI from npm."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from orchestrator.cli.demo.stack import Stack
from orchestrator.runtime.ports import LOOPBACK

NPM = Path(__file__).parents[3] / "web/node_modules/@cloudflare"
NEEDED = ("realtimekit/dist/browser.js", "realtimekit-ui/dist/realtimekit-ui/realtimekit-ui.esm.js")
HOW_TO = "npm ci --ignore-scripts in web/"


def is_possible() -> bool:
    """Return whether RealtimeKit's client and UI are there; they are never shipped with us."""
    return all((NPM / name).exists() for name in NEEDED)


class Handler(SimpleHTTPRequestHandler):
    """Serves the page, what it loads of npm packages, and client tokens."""

    def __init__(self, *args: Any, page: bytes, token: Callable[[], str], **more: Any) -> None:
        self._page, self._token = page, token
        super().__init__(*args, directory=str(NPM), **more)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the terminal shows the demo."""

    def do_GET(self) -> None:
        """Serve one file, or the page."""
        if self.path.startswith("/npm/"):
            self.path = self.path.removeprefix("/npm")
            super().do_GET()
        else:
            self._send(self._page, "text/html; charset=utf-8")

    def do_POST(self) -> None:
        """Make a client token."""
        self._send(self._token().encode(), "text/plain")

    def _send(self, body: bytes, media_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def page_served(stack: Stack, token: Callable[[], str]) -> Iterator[str]:
    """Serve the page inside the block, and give its address."""
    text = Path(__file__).with_name("visitor.html").read_text()
    values = {"api": stack.api, "sandbox": stack.sandbox, "base": f"localhost:{stack.sandbox_port}"}
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    handler = partial(Handler, page=text.encode(), token=token)
    server = ThreadingHTTPServer((LOOPBACK, stack.page_port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield stack.page
    finally:
        server.shutdown()
        server.server_close()
