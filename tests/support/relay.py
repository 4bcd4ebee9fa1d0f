"""A relay for webhooks before the API, which passes them on late, twice, in another order, or never."""

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from tests.support.http_server import LocalServer, RequestHandler


@dataclass(frozen=True)
class Weather:
    """The percentages of deliveries that are treated in each way; all others are passed on at once."""

    lost: int = 0
    held: int = 0
    """Passed on only when `release` is called, which stands for minutes late."""
    late: int = 0
    """Passed on up to `late_seconds` later, so that they overtake each other."""
    twice: int = 0
    """Passed on at once, and again up to `late_seconds` later."""
    late_seconds: float = 5.0


@dataclass(frozen=True)
class Delivery:
    """One delivery."""

    body: bytes
    headers: Mapping[str, str]


class Relay(LocalServer):
    """Answers deliveries with 200, as a queue before the API might, and treats each by a seeded random number."""

    def __init__(self, api_url: str, weather: Weather, seed: int) -> None:
        self._api = httpx.Client(base_url=api_url, timeout=10, trust_env=False)
        self._weather, self._random = weather, random.Random(seed)
        self._lock = threading.Lock()
        self._under_way: set[threading.Timer] = set()
        self.held: list[Delivery] = []
        self.fates: Counter[str] = Counter()
        """How many deliveries were treated in each way."""
        super().__init__(self._handler())

    def close(self) -> None:
        """Stop, and lose the deliveries that are not passed on yet."""
        super().close()
        with self._lock:
            for timer in self._under_way:
                timer.cancel()

    def release(self) -> None:
        """Pass on the held deliveries, newest first and each twice."""
        for delivery in reversed(self.held):
            self._pass_on(delivery)
            self._pass_on(delivery)

    def _take(self, delivery: Delivery) -> None:
        with self._lock:
            fate = self._fate()
            self.fates[fate] += 1
            delay = self._random.uniform(0, self._weather.late_seconds)
        match fate:
            case "held":
                self.held.append(delivery)
            case "late":
                self._later(delivery, delay)
            case "twice":
                self._pass_on(delivery)
                self._later(delivery, delay)
            case "at once":
                self._pass_on(delivery)

    def _fate(self) -> str:
        weather = self._weather
        fates = {"lost": weather.lost, "held": weather.held, "late": weather.late, "twice": weather.twice}
        die = self._random.randrange(100)
        for fate, share in fates.items():
            die -= share
            if die < 0:
                return fate
        return "at once"

    def _later(self, delivery: Delivery, delay: float) -> None:
        timer = threading.Timer(delay, self._pass_on, [delivery])
        timer.daemon = True
        with self._lock:
            self._under_way.add(timer)
        timer.start()

    def _pass_on(self, delivery: Delivery) -> None:
        """Repeat a delivery until it is accepted, as RealtimeKit does after a 5xx or no answer."""
        for _ in range(50):
            try:
                if self._api.post(
                    "/v1/webhooks/realtimekit", content=delivery.body, headers=delivery.headers
                ).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)

    def _handler(self) -> type[RequestHandler]:
        relay = self

        class DeliveryHandler(RequestHandler):
            def deliver(self) -> None:
                kept = ("content-type", "rtk-signature", "rtk-uuid", "rtk-webhook-id")
                headers = {name: value for name, value in self.headers.items() if name.lower() in kept}
                delivery = Delivery(self.content(), headers)
                self.answer(200)
                relay._take(delivery)

            do_POST = deliver  # noqa: N815 - the name that http.server looks for

        return DeliveryHandler
