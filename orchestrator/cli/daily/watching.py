"""Watching a breakout: it is read whenever its event stream sends something, and every second without a stream."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from json import dumps

import httpx
from rich.console import Console

from orchestrator.cli.daily.client import JSON, Api, as_breakout, breakout_path, note
from orchestrator.cli.show.ending import failings, is_over, report
from orchestrator.cli.show.screen import screen

POLL_SECONDS = 1.0
CONNECTED_POLL_SECONDS = 10.0
"""How often the breakout is read while its stream sends nothing."""
GATHER_SECONDS = 0.25
"""Events come in bursts; the breakout is read once for all events within this time."""
SILENCE_SECONDS = 45.0
"""Three times the interval of a stream's keep-alives; a stream that is silent for longer is broken."""
RECONNECT_SECONDS = 2.0

ShowBody = Callable[[JSON], None]


class EventWaiter:
    """Waits for events of a breakout; a thread of its own reads the stream."""

    def __init__(self, api: Api, breakout_id: str, connected_poll_seconds: float = CONNECTED_POLL_SECONDS) -> None:
        self._http = api.http
        self._connected_poll_seconds = connected_poll_seconds
        self._path = breakout_path(breakout_id, "events")
        self._event = threading.Event()
        self._last_id = ""
        self.connected = False
        threading.Thread(target=self._listen, name="events", daemon=True).start()

    def wait(self) -> bool:
        """Wait for an event. Returns False if there was none when it is time to read the breakout anyway."""
        self._event.wait(self._connected_poll_seconds if self.connected else POLL_SECONDS)
        time.sleep(GATHER_SECONDS)
        happened = self._event.is_set()
        self._event.clear()
        return happened

    def _listen(self) -> None:
        """Read the stream as long as the API has it; after an interruption, go on behind the last event."""
        while True:
            try:
                if not self._read():
                    return
            except httpx.HTTPError:
                pass  # reading the breakout will show whether the API is there at all
            finally:
                self.connected = False
                self._event.set()
            time.sleep(RECONNECT_SECONDS)

    def _read(self) -> bool:
        """Read until the stream ends. Returns False if the API refuses it."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self._last_id} if self._last_id else {})
        timeout = httpx.Timeout(SILENCE_SECONDS, connect=RECONNECT_SECONDS)
        with self._http.stream("GET", self._path, headers=headers, timeout=timeout) as answer:
            if not answer.is_success:
                return answer.status_code >= 500
            self.connected = True
            self._event.set()  # for events before the connection
            for line in answer.iter_lines():
                field, _, value = line.partition(":")
                if field == "id":
                    self._last_id = value.strip()
                elif field == "data":
                    self._event.set()
        return True


def watch(api: Api, breakout_id: str, *, as_json: bool, uploads: bool) -> int:
    """Show a breakout until it has ended. Prints its failings to stderr and returns the exit code."""
    console = Console(highlight=False)
    with _json_lines() if as_json else _picture(api, console) as show:
        breakout = as_breakout(_follow(api, breakout_id, show, uploads=uploads))
    if not as_json:
        console.print(report(breakout), soft_wrap=not console.is_terminal)
    found = failings(breakout)
    for line in found:
        note(line)
    return 1 if found else 0


def _follow(api: Api, breakout_id: str, show: ShowBody, *, uploads: bool) -> JSON:
    path, events = breakout_path(breakout_id), None
    while True:
        body = api.get(path)
        show(body)
        if is_over(as_breakout(body), uploads=uploads):
            return body
        events = events or EventWaiter(api, breakout_id)
        events.wait()


@contextmanager
def _picture(api: Api, console: Console) -> Iterator[ShowBody]:
    with screen(console, now=api.now) as show:
        yield lambda body: show(as_breakout(body))


@contextmanager
def _json_lines() -> Iterator[ShowBody]:
    """Print a line per change, without the rooms, because those of a large breakout are megabytes."""
    printed: list[JSON] = []

    def show(body: JSON) -> None:
        short = {name: value for name, value in body.items() if name not in ("rooms", "unassigned")}
        if printed[-1:] != [short]:
            printed[:] = [short]
            sys.stdout.write(dumps(short) + "\n")
            sys.stdout.flush()

    yield show
