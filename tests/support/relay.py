"""A door before the API for webhooks: what comes in is passed on late, twice, in another order, or never."""

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from tests.support.door import Door, Handler


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


class Relay(Door):
    """Takes deliveries with 200, as a queue before the API might, and does with each what a seeded die says."""

    def __init__(self, api_url: str, weather: Weather, seed: int) -> None:
        self._api = httpx.Client(base_url=api_url, timeout=10, trust_env=False)
        self._weather, self._random = weather, random.Random(seed)
        self._lock = threading.Lock()
        self._under_way: set[threading.Timer] = set()
        self.held: list[Letter] = []
        self.fates: Counter[str] = Counter()
        """How many deliveries met which fate."""
        super().__init__(self._handler())

    def close(self) -> None:
        """Take no more; what is under way is lost."""
        super().close()
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

    def _handler(self) -> type[Handler]:
        relay = self

        class Delivery(Handler):
            def deliver(self) -> None:
                kept = ("content-type", "rtk-signature", "rtk-uuid", "rtk-webhook-id")
                headers = {name: value for name, value in self.headers.items() if name.lower() in kept}
                letter = Letter(self.content(), headers)
                self.answer(200)
                relay._take(letter)

            do_POST = deliver  # noqa: N815 - the name that http.server looks for

        return Delivery
