"""A crowd arrives: everybody's browser acks in the same second, and an operator looks five times a second meanwhile.

1,000 people with open seat streams go to 100 rooms and come home again. RealtimeKit's webhooks say the same within two
seconds. Nobody else asks the API: the benchmark itself looks into the database.
"""

import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import httpx
from sqlalchemy import func, select
from sqlmodel import col

from orchestrator.services.deps import Deps
from schemas.events import EventType
from schemas.states import BreakoutState, SeatState
from schemas.tables import Breakout, Event
from tests.benchmarks.frame import Of, Sheet, run
from tests.benchmarks.rig import rig
from tests.benchmarks.signing import Signer
from tests.benchmarks.sizes import LARGE, Size
from tests.benchmarks.usage import Machine, Usage
from tests.benchmarks.visitors import Crowd
from tests.support.stack import KEY, Stack
from tests.support.waiting import wait_until

WITHIN_SECONDS, LATENCY_MS, RUNS = 3, 20, 5
LOOK_EVERY_SECONDS, LOOK_MS_MOST = 0.2, 300
DEADLINE_SECONDS = 300


@dataclass(frozen=True)
class Way:
    """A move of everybody: the state of those who are told to go, and of those who were seen there."""

    name: str
    told: SeatState
    came: SeatState


TO_THE_ROOMS = Way("to the rooms", SeatState.INVITED, SeatState.JOINED)
HOME = Way("home", SeatState.RETURNING, SeatState.RETURNED)


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


def measure(sheet: Sheet) -> None:
    """Let everybody go and come home, several times."""
    measure_with(sheet, LARGE, RUNS, WITHIN_SECONDS)


def measure_with(sheet: Sheet, size: Size, runs: int, within: float) -> None:
    """Let so many people go and come home. The last is to be seen `within` so many seconds."""
    signer = Signer()
    with rig(LATENCY_MS, apart=True, REALTIMEKIT_WEBHOOK_PUBLIC_KEY=signer.public_key) as stack:
        meeting = size.meeting(stack)
        tokens = {f"p{number}": stack.token(meeting, f"p{number}") for number in range(size.people)}
        crowd = Crowd(stack.port, tokens, signer.pem)
        running = {name: process.pid for name, process in stack.all_processes().items()}
        usage = Usage({**running, "the crowd's browsers": crowd.pid})
        with stack.parts() as deps:
            for _ in range(runs):
                breakout = stack.breakout(meeting, rooms=size.rooms, start="manual", countdown_seconds=0)["id"]
                story = _Story(sheet, stack, deps, breakout, crowd, usage, within)
                story.move("start", TO_THE_ROOMS)
                story.move("close", HOME)
                wait_until(partial(_is_closed, deps, breakout), DEADLINE_SECONDS, every=0.5, what="the end")
                lost = len(_moments(deps, breakout, SeatState.LOST))
                sheet.figure("people who were ever counted as lost", at_most=0, of=Of.MAX).add(lost)
        crowd.close()


@dataclass
class _Story:
    sheet: Sheet
    stack: Stack
    deps: Deps
    breakout: str
    crowd: Crowd
    usage: Usage
    within: float

    def move(self, command: str, way: Way) -> None:
        """Send everybody, and wait until the last was seen and all webhooks were taken."""
        operator, before = Operator(self.stack, self.breakout), self.crowd.report()
        self.usage.note(way.name)
        machine = Machine()
        self.stack.post(f"/v1/breakouts/{self.breakout}/{command}")
        wait_until(
            lambda: _count(self.deps, self.breakout, way.came) == self.crowd.people,
            DEADLINE_SECONDS,
            every=0.25,
            what=f"everybody {way.came}",
        )
        self.sheet.figure(f"{way.name}: processors busy until then", "%").add(machine.busy())
        after = self.crowd.wait_until_quiet()
        operator.stop()
        self._note(way, operator, after.statuses - before.statuses)
        self.sheet.figure(f"{way.name}: slowest ack", "s", of=Of.MAX).add(after.slowest_ack)

    def _note(self, way: Way, operator: Operator, crowd: Counter[int]) -> None:
        told, came = (_moments(self.deps, self.breakout, state) for state in (way.told, way.came))
        figure, name = self.sheet.figure, way.name
        figure(f"{name}: told within", "s").add(_seconds(told[0], told[-1]))
        figure(f"{name}: last seen after last told", "s", at_most=self.within).add(_seconds(told[-1], came[-1]))
        looks = figure(f"{name}: an operator's GET", "ms", at_most=LOOK_MS_MOST, of=Of.P99)
        looks.add(*(seconds * 1000 for seconds in operator.took))
        refused = (crowd + operator.statuses).total() - crowd[200] - operator.statuses[200]
        figure(f"{name}: requests refused or not answered", at_most=0, of=Of.MAX).add(refused)
        for process, seconds in self.usage.spent().items():
            figure(f"{name}: {process}", "ms of processor time a person").add(seconds * 1000 / self.crowd.people)


def _seconds(begin: datetime, end: datetime) -> float:
    return (end - begin).total_seconds()


def _count(deps: Deps, breakout: str, state: SeatState) -> int:
    """Return how many people have ever been in a state: polls find nobody of this crowd in the sandbox's meetings."""
    told = col(Event.data)
    statement = select(func.count(told["custom_participant_id"].as_string().distinct())).where(
        col(Event.breakout_id) == breakout,
        col(Event.type) == EventType.PARTICIPANT_STATE,
        told["to"].as_string() == state,
    )
    with deps.database.reading() as session:
        return session.scalar(statement) or 0


def _is_closed(deps: Deps, breakout: str) -> bool:
    with deps.database.reading() as session:
        return session.get_one(Breakout, breakout).state is BreakoutState.CLOSED


def _moments(deps: Deps, breakout: str, state: SeatState) -> list[datetime]:
    """Return when each person first was in a state, in order."""
    statement = select(col(Event.at), col(Event.data)).where(
        col(Event.breakout_id) == breakout, col(Event.type) == EventType.PARTICIPANT_STATE
    )
    with deps.database.reading() as session:
        rows = session.execute(statement.order_by(col(Event.number))).all()
    firsts = {data["custom_participant_id"]: at for at, data in reversed(rows) if data["to"] == state}
    return sorted(firsts.values())


if __name__ == "__main__":
    run("arrival", measure)
