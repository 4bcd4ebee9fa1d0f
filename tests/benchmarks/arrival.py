"""A crowd arrives: everybody's browser acks in the same second, and an operator looks five times a second meanwhile.

1,000 people with open seat streams go to 100 rooms and come home again. RealtimeKit's webhooks say the same within two
seconds. Printed are the time from the last person's seat to the last `joined` (`returned`), the operator's answers, and
every status that the crowd got.

`--rooms 500 --people 5000` is the largest breakout that is allowed; `--sqlite` takes SQLite instead of PostgreSQL.
"""

import argparse
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import select
from sqlmodel import col

from schemas.events import EventType
from schemas.states import SeatState
from schemas.tables import Event
from tests.benchmarks.rig import rig
from tests.benchmarks.usage import Usage
from tests.benchmarks.visitors import Crowd
from tests.support.stack import KEY, Stack

ROOMS, PEOPLE, LATENCY_MS = 100, 1000, 20
LOOK_EVERY_SECONDS = 0.2
DEADLINE_SECONDS = 300


@dataclass(frozen=True)
class Way:
    """A move of everybody: the state of those who are told to go, and of those who were seen there."""

    name: str
    told: SeatState
    came: SeatState


TO_THE_ROOMS = Way("the way to the rooms", SeatState.INVITED, SeatState.JOINED)
HOME = Way("the way home", SeatState.RETURNING, SeatState.RETURNED)


class Operator:
    """Looks at a breakout in a thread of its own, and notes how long each answer takes."""

    def __init__(self, stack: Stack, breakout_id: str) -> None:
        self.took: list[float] = []
        self.statuses: Counter[int] = Counter()
        self._client = httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {KEY}"}, timeout=30)
        self._path = f"/v1/breakouts/{breakout_id}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join()
        self._client.close()

    def _look(self) -> None:
        while not self._stop.wait(LOOK_EVERY_SECONDS):
            begun = time.monotonic()
            try:
                self.statuses[self._client.get(self._path).status_code] += 1
            except httpx.HTTPError:
                self.statuses[0] += 1
            self.took.append(time.monotonic() - begun)


def main() -> None:
    """Print the figures of one arrival and one way home."""
    asked = _arguments()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    settings: dict[str, Any] = {"REALTIMEKIT_WEBHOOK_PUBLIC_KEY": public.decode()}
    with rig(LATENCY_MS, apart=not asked.sqlite, sqlite=asked.sqlite, **settings) as stack:
        meeting = _meeting(stack, asked.people)
        tokens = {f"p{number}": stack.token(meeting, f"p{number}") for number in range(asked.people)}
        crowd = Crowd(stack.port, tokens, key)
        usage = Usage(stack.ours)
        _measure(stack, meeting, crowd, usage, asked.rooms)
        crowd.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=int, default=ROOMS)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--sqlite", action="store_true")
    return parser.parse_args()


def _meeting(stack: Stack, people: int) -> str:
    meeting = stack.meeting(min(people, 1000))
    for begin in range(1000, people, 1000):
        names = [f"p{number}" for number in range(begin, min(begin + 1000, people))]
        persons = [{"custom_participant_id": name, "name": name} for name in names]
        stack.post(f"/v1/meetings/{meeting}/participants", {"participants": persons})
    return meeting


def _measure(stack: Stack, meeting: str, crowd: Crowd, usage: Usage, rooms: int) -> None:
    breakout = stack.breakout(meeting, rooms=rooms, start="manual", countdown_seconds=0)["id"]
    operator = Operator(stack, breakout)
    usage.note("before")
    stack.post(f"/v1/breakouts/{breakout}/start")
    stack.wait(breakout, "open", DEADLINE_SECONDS, lambda it: it["progress"]["participants"]["joined"] == crowd.people)
    _print(stack, breakout, TO_THE_ROOMS, crowd, operator)
    usage.print_work(crowd.people)
    operator.stop()
    operator = Operator(stack, breakout)
    stack.post(f"/v1/breakouts/{breakout}/close")
    stack.wait(breakout, "closed", DEADLINE_SECONDS)
    _print(stack, breakout, HOME, crowd, operator)
    usage.print_work(crowd.people)
    operator.stop()
    people = stack.see(breakout)["progress"]["participants"]
    print(f"  in the end: {people}; problems: {stack.see(breakout)['problems']}")


def _print(stack: Stack, breakout: str, way: Way, crowd: Crowd, operator: Operator) -> None:
    told, came = _moments(stack, breakout, way.told), _moments(stack, breakout, way.came)
    report, took = crowd.report(), sorted(operator.took)
    print(f"{way.name}: {len(told)} told within {_seconds(told[0], told[-1])} s, {len(came)} seen;")
    print(f"  the last one was seen {_seconds(told[-1], came[-1])} s after the last was told")
    print(f"  operator: p50 {took[len(took) // 2] * 1000:.0f}, p99 {took[int(len(took) * 0.99)] * 1000:.0f}, ", end="")
    print(f"max {took[-1] * 1000:.0f} ms of {len(took)}; statuses {dict(operator.statuses)}")
    print(f"  crowd: statuses {dict(report.statuses)}, slowest ack {report.slowest_ack:.2f} s", flush=True)


def _seconds(begin: datetime, end: datetime) -> str:
    return f"{(end - begin).total_seconds():.2f}"


def _moments(stack: Stack, breakout: str, state: SeatState) -> list[datetime]:
    statement = select(col(Event.at), col(Event.data)).where(
        col(Event.breakout_id) == breakout, col(Event.type) == EventType.PARTICIPANT_STATE
    )
    with stack.parts() as deps, deps.database.reading() as session:
        rows = session.execute(statement.order_by(col(Event.number))).all()
    return [at for at, data in rows if data["to"] == state]


if __name__ == "__main__":
    main()
