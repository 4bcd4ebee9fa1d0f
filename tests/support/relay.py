"""A door before the API for webhooks: what comes in is passed on late, twice, in another order, or never."""

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import httpx


@dataclass(frozen=True)
class Weather:
    """What becomes of deliveries; of each kind so many in a hundred, all others are passed on at once."""

    lost: int = 0
    held: int = 0
    """Passed on only when `release` is called: minutes late, as far as the test is concerned."""
    late: int = 0
    """Passed on up to `late_seconds` later, so that they overtake each other."""
    twice: int = 0
    """Passed on at once, and once more up to `late_seconds` later."""
    late_seconds: float = 5.0


@dataclass(frozen=True)
class Letter:
    """One delivery as it came."""

    body: bytes
    headers: Mapping[str, str]


class Relay:
    """Takes deliveries with 200, as a queue before the API might, and does with each what a seeded die says."""

    def __init__(self, api_url: str, weather: Weather, seed: int) -> None:
        self._api = httpx.Client(base_url=api_url, timeout=10, trust_env=False)
        self._weather, self._random = weather, random.Random(seed)
        self._lock = threading.Lock()
        self._under_way: set[threading.Timer] = set()
        self.held: list[Letter] = []
        self.fates: Counter[str] = Counter()
        """How many deliveries met which fate."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Itself, open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it; what is under way is lost."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        with self._lock:
            for timer in self._under_way:
                timer.cancel()

    def release(self) -> None:
        """Pass on what was held, the newest first, each twice."""
        for letter in reversed(self.held):
            self._pass_on(letter)
            self._pass_on(letter)

    def _take(self, letter: Letter) -> None:
        with self._lock:
            fate = self._fate()
            self.fates[fate] += 1
            delay = self._random.uniform(0, self._weather.late_seconds)
        match fate:
            case "held":
                self.held.append(letter)
            case "late":
                self._later(letter, delay)
            case "twice":
                self._pass_on(letter)
                self._later(letter, delay)
            case "at once":
                self._pass_on(letter)

    def _fate(self) -> str:
        weather = self._weather
        fates = {"lost": weather.lost, "held": weather.held, "late": weather.late, "twice": weather.twice}
        die = self._random.randrange(100)
        for fate, share in fates.items():
            die -= share
            if die < 0:
                return fate
        return "at once"

    def _later(self, letter: Letter, delay: float) -> None:
        timer = threading.Timer(delay, self._pass_on, [letter])
        timer.daemon = True
        with self._lock:
            self._under_way.add(timer)
        timer.start()

    def _pass_on(self, letter: Letter) -> None:
        """Until it is taken, as RealtimeKit repeats what is answered 5xx or not at all."""
        for _ in range(50):
            try:
                if self._api.post("/v1/webhooks/realtimekit", content=letter.body, headers=letter.headers).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                kept = ("content-type", "rtk-signature", "rtk-uuid", "rtk-webhook-id")
                letter = Letter(body, {name: value for name, value in self.headers.items() if name.lower() in kept})
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()
                relay._take(letter)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in http.server
                pass

        return Handler
