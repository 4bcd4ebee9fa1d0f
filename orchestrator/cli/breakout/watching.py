"""Following a breakout: its stream of events says when to look again; without one it is looked at every second."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from json import dumps

import httpx
from rich.console import Console

from orchestrator.cli.breakout.client import JSON, Api, as_breakout, breakout_path, tell
from orchestrator.cli.show.ending import is_over, report, wrong
from orchestrator.cli.show.screen import screen

POLL_SECONDS = 1.0
ANYWAY_SECONDS = 10.0
"""How often it is looked at although the stream says nothing."""
GATHER_SECONDS = 0.25
"""Events come in bursts: what comes within this is looked at once."""
SILENCE_SECONDS = 45.0
"""A stream sends a sign of life three times as often."""
PAUSE_SECONDS = 2.0

ShowBody = Callable[[JSON], None]


class Bell:
    """Rings whenever the stream of a breakout's events says something; reads it in a thread of its own."""

    def __init__(self, api: Api, breakout_id: str, anyway_seconds: float = ANYWAY_SECONDS) -> None:
        self._http = api.http
        self._anyway_seconds = anyway_seconds
        self._path = breakout_path(breakout_id, "events")
        self._rung = threading.Event()
        self._last_id = ""
        self.connected = False
        threading.Thread(target=self._listen, name="events", daemon=True).start()

    def wait(self) -> bool:
        """Until it rings; False when it is time to look anyway."""
        self._rung.wait(self._anyway_seconds if self.connected else POLL_SECONDS)
        time.sleep(GATHER_SECONDS)
        rung = self._rung.is_set()
        self._rung.clear()
        return rung

    def _listen(self) -> None:
        """For as long as the API has such a stream; after each interruption, from where it had come to."""
        while True:
            try:
                if not self._read():
                    return
            except httpx.HTTPError:
                pass  # whether the API is there at all is found out by looking
            finally:
                self.connected = False
                self._rung.set()
            time.sleep(PAUSE_SECONDS)

    def _read(self) -> bool:
        """Until the stream ends; False when there is none to read."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self._last_id} if self._last_id else {})
        timeout = httpx.Timeout(SILENCE_SECONDS, connect=PAUSE_SECONDS)
        with self._http.stream("GET", self._path, headers=headers, timeout=timeout) as answer:
            if not answer.is_success:
                return answer.status_code >= 500
            self.connected = True
            self._rung.set()  # for what happened before
            for line in answer.iter_lines():
                field, _, value = line.partition(":")
                if field == "id":
                    self._last_id = value.strip()
                elif field == "data":
                    self._rung.set()
        return True


def watch(api: Api, breakout_id: str, *, as_json: bool, uploads: bool) -> int:
    """Show a breakout until it has ended; the exit code of its end, whose failings go to stderr."""
    console = Console(highlight=False)
    with _json_lines() if as_json else _picture(api, console) as show:
        breakout = as_breakout(_follow(api, breakout_id, show, uploads=uploads))
    if not as_json:
        console.print(report(breakout), soft_wrap=not console.is_terminal)
    amiss = wrong(breakout)
    for line in amiss:
        tell(line)
    return 1 if amiss else 0


def _follow(api: Api, breakout_id: str, show: ShowBody, *, uploads: bool) -> JSON:
    path, bell = breakout_path(breakout_id), None
    while True:
        body = api.get(path)
        show(body)
        if is_over(as_breakout(body), uploads=uploads):
            return body
        bell = bell or Bell(api, breakout_id)
        bell.wait()


@contextmanager
def _picture(api: Api, console: Console) -> Iterator[ShowBody]:
    with screen(console, now=api.now) as show:
        yield lambda body: show(as_breakout(body))


@contextmanager
def _json_lines() -> Iterator[ShowBody]:
    """A line per change: the breakout as it stands in a list, without its rooms, which would be megabytes of a large
    one.
    """
    seen: list[JSON] = []

    def show(body: JSON) -> None:
        short = {name: value for name, value in body.items() if name not in ("rooms", "unassigned")}
        if seen[-1:] != [short]:
            seen[:] = [short]
            sys.stdout.write(dumps(short) + "\n")
            sys.stdout.flush()

    yield show
