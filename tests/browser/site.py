"""The web server of an app: its pages, and what they load of npm packages."""

import threading
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.processes import ROOT

NPM = ROOT / "web/node_modules"
BLANK = b"<!doctype html><html lang=en><meta charset=utf-8><link rel=icon href=data:,><title>Class</title><body>"


class Handler(SimpleHTTPRequestHandler):
    """Serves pages by their names, and files of npm packages below `/npm/`."""

    def __init__(self, *args: Any, site: "Site", **more: Any) -> None:
        self.pages, self.backend = site.pages, site.backend
        super().__init__(*args, directory=str(NPM), **more)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Serve one file."""
        path = self.path.partition("?")[0]
        if path.startswith("/npm/"):
            self.path = path.removeprefix("/npm")
            super().do_GET()
            return
        page = self.pages.get(path)
        self.send_response(200 if page else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(page or b"")

    def do_POST(self) -> None:
        """Answer what the app's backend would."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.backend[self.path]().encode())


class Site:
    """A running web server; use it in a `with`. `pages` may grow, and so may `backend`, which answers POSTs."""

    def __init__(self) -> None:
        self.pages = {"/": BLANK}
        self.backend: dict[str, Callable[[], str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, site=self))
        self.url = f"http://localhost:{self._server.server_port}"

    def __enter__(self) -> Self:
        """Start it."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()


def package(name: str) -> Path:
    """Return the folder of an installed npm package."""
    return NPM / name
