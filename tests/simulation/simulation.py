"""One run: a deployment of four processes, RealtimeKit, people and operators, from a seed to what is left of it."""

import json
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from greenlet import getcurrent, greenlet

from orchestrator.errors import NotNow, UserError
from orchestrator.sandbox.world.config import SandboxConfig
from orchestrator.sandbox.world.state import Peer, World
from orchestrator.sandbox.world.values import JSON
from orchestrator.services.deps import Deps
from orchestrator.services.people import seats
from orchestrator.services.webhooks.incoming import Delivery
from orchestrator.settings import Settings
from orchestrator.store.broker import Broker
from orchestrator.store.database import Database
from orchestrator.store.keys import Keys
from orchestrator.store.messages import Message
from orchestrator.store.queries import rooms_of
from orchestrator.store.secrets import TokenVault
from schemas.columns import new_id
from schemas.events import Topic, topic_and_id
from schemas.tables import Room
from tests.simulation.broker import SimulatedBroker, Timekeeper
from tests.simulation.desk import Desk
from tests.simulation.endpoints import Callers
from tests.simulation.hub import GreenMutex, Hub
from tests.simulation.kit import Network, Troubles
from tests.simulation.luck import Luck
from tests.simulation.people import Person, Streams
from tests.simulation.process import INSTALL, Process
from tests.simulation.replaced import replaced
from tests.simulation.store import Kept
from tests.simulation.weather import Weather, weather

START = 1_800_000_000.0
"""The virtual time at which every run begins."""
SETTINGS = Settings(
    _env_file=None,
    secret_key="s" * 32,
    realtimekit_account_id="a",
    realtimekit_app_id="b",
    realtimekit_api_token="t",
    prepare_ahead_seconds=10.0,
    solver_seconds=1.0,
    opening_deadline_seconds=100.0,
)
VAULT = TokenVault(SETTINGS.secrets)
BROKER = Broker("redis://127.0.0.1:1/0", lambda: Keys(INSTALL))
"""Nothing connects to it."""
WEBHOOKS = {
    "": (0.05,),
    "lost": (),
    "twice": (0.05, 0.4),
    "3 s late": (3.0,),
    "20 s late": (20.0,),
    "twice, 30 s apart": (0.05, 30.0),
}
PRESENT = """
SELECT id FROM breakout WHERE meeting_id = ? ORDER BY CASE
WHEN state IN ('opening', 'open', 'closing') THEN 0 WHEN state IN ('draft', 'scheduled') THEN 1 ELSE 2 END, id LIMIT 1
"""
IS_PLANNED = "SELECT 1 FROM breakout WHERE id = ? AND state IN ('draft', 'scheduled')"
SOLVING = (0.5, 3.0, 9.0, 16.0)
"""How long a search for groups may take in virtual time, shorter and longer than a lease."""
REPEAT_SECONDS = 1.5
"""When a caller repeats a request that was not answered."""


class SimulatedWorld(World):
    """The sandbox's world, which tells the simulation who was put out."""

    on_departure: Callable[[Peer], None]

    def add_departure(self, peer: Peer, because: str) -> None:
        """Note that a peer was put out."""
        super().add_departure(peer, because)
        self.on_departure(peer)


class Simulation:
    """Everything of one run."""

    def __init__(self, kept: Kept, seed: int, only: Collection[str] | None = None, *, told: bool = False) -> None:
        self.kept = kept
        self.luck = Luck(seed, only)
        self.tale: list[str] = []
        self._is_told = told
        self.luck.on_twist = lambda what: self.tell("*", what)
        self.weather = self.first_weather = weather(self.luck.random("weather"))
        self.hosts_acted = False
        """Whether somebody with rights at RealtimeKit has done something there."""
        self.news_is_lost = False
        """Whether something about people was said that never reached the API."""
        self.kicks: list[tuple[str, str]] = []
        self.settings = SETTINGS
        self.vault = VAULT
        self.broker_client = BROKER
        self.hub = Hub(START)
        self.hub.may_wait = lambda: not kept.locked
        self.violations: list[str] = []
        self.meeting_id = ""
        self.parent = ""
        self.made: list[str] = []
        """The ids of breakouts whose making was answered, the first one first."""
        self.by_hand: set[str] = set()
        """The ids of breakouts that somebody has started, prepared or scheduled besides what the story does."""
        self.gap_seconds = 0
        """How long after a round the next one starts."""
        self.ended_at: float | None = None
        """Since when all breakouts have ended; None while one has not."""
        self.has_news = False
        """Whether something was committed since the last look at all."""
        self.held_up: list[datetime] = []
        """When a process died or stood still, or a message did not come at once."""
        self.failed_passes: Counter[str] = Counter()
        """How many tasks of each row have ended without getting on."""
        self.people: list[Person] = []
        self.by_host: set[str] = set()
        """Meetings at RealtimeKit that a host has ended, whose people are not put out by us."""

    @property
    def breakout_id(self) -> str:
        """The breakout that runs, else the first that is planned, else the first that was made; empty: none."""
        found = self.kept.ask(PRESENT, self.meeting_id)
        return str(found[0]) if found else ""

    def plan_id(self, luck: Random) -> str:
        """Return one of the breakouts, preferably one of those that have not started."""
        found = [made for made in self.made if self.kept.ask(IS_PLANNED, made)]
        return luck.choice(found or self.made)

    def rooms(self, breakout_id: str) -> list[Room]:
        """Return the rooms of a breakout as they are now."""
        with self.eyes.database.reading() as session:
            return rooms_of(session, breakout_id)

    @property
    def members(self) -> list[Person]:
        """Those who were not removed for good."""
        return [person for person in self.people if not person.is_gone]

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return datetime.fromtimestamp(self.hub.loop.time(), UTC)

    def run(self, story: Callable[["Simulation"], None]) -> None:
        """Play a story to its end."""
        with self.hub.running(), replaced(self.hub, self.luck.random("ids"), self._solving_seconds):
            self._build()
            try:
                story(self)
            finally:
                for process in self.processes:
                    process.end()

    def _solving_seconds(self) -> float:
        return self.luck.unusual("solver slow", self.weather.slow, SOLVING, 0.05)

    def _build(self) -> None:
        self.kept.clear()
        self.kept.reach = self._reach
        self.threads: dict[greenlet, Callable[[str], None]] = {}
        """What to call when a thread comes to a point in a transaction."""
        self.world = SimulatedWorld(SandboxConfig(public_url="https://realtimekit.invalid"))
        self.world.emit = self._emit
        self.world.on_departure = self._on_departure
        troubles = Troubles(self.weather.fails, self.weather.refuses, self.weather.slow)
        self.network = Network(self.world, self.hub.loop, self.luck, troubles)
        self.network.on_effect = lambda what: self.tell("call", what)
        observer = Database.over(self.kept.engine, lambda *_: None, lambda: GreenMutex(self.hub))
        self.processes = [Process(self, name) for name in ("worker-1", "worker-2", "api", "timekeeper")]
        *self.workers, self.api, timekeeper = self.processes
        assert self.api.deps is not None
        self.eyes: Deps = replace(self.api.deps, database=observer)
        """Parts for looking at the database from outside, at any moment."""
        self.broker = SimulatedBroker(self)
        self.timekeeper = Timekeeper(self, timekeeper)
        self.streams = Streams(self)
        self.desk = Desk(self)
        self.callers = Callers(self)
        self._unanswered: dict[int, Callable[[], None]] = {}
        self._requests = count()
        self._next_look = 0.0

    def _reach(self, point: str) -> None:
        """Let the process of the present thread come to a point."""
        if (reach := self.threads.get(getcurrent())) is not None:
            reach(point)

    def advance(self, until: float, done: Callable[[], bool] = lambda: False) -> bool:
        """Let things happen until this time since the beginning, or until something is so. Returns whether it is."""
        loop = self.hub.loop
        reached = [False]
        loop.call_at(START + until, reached.__setitem__, 0, True)
        while not reached[0] and loop.step():
            self.luck.now = loop.time() - START
            if loop.troubles:
                self.violations += loop.troubles
                loop.troubles.clear()
            if self.violations or done():
                return True
        return False

    def seldom(self, seconds: float, look: Callable[[], bool]) -> bool:
        """Look, but at most once in so many seconds; False in between."""
        now = self.hub.loop.time()
        if now < self._next_look:
            return False
        self._next_look = now + seconds
        return look()

    def time(self, seconds: float) -> str:
        """Return the time so many seconds from now, as requests write it."""
        return (self.now + timedelta(seconds=seconds)).isoformat()

    def calm(self) -> None:
        """Let nothing go wrong from now on."""
        self.weather = Weather()
        self.network.troubles = Troubles()

    def tell(self, who: str, what: str) -> None:
        """Note what happens, if the story is to be told."""
        if self._is_told:
            self.tale.append(f"{self.hub.loop.time() - START:8.2f}  {who:<12} {what}")

    def tell_later(self, event: JSON) -> None:
        """Note an entry of the breakout's log where it belongs."""
        if self._is_told:
            at = datetime.fromisoformat(event["at"]).timestamp() - START
            self.tale.append(f"{at:8.2f}  {'log':<12} {event['type']} {json.dumps(event['data'])}")
            self.tale.sort(key=lambda line: float(line[:8]))

    def fail(self, words: str) -> None:
        """Note that a rule was broken."""
        self.violations.append(words)

    def has_died(self, name: str) -> None:
        """Let clients do what they do when a process is gone."""
        self.held_up.append(self.now)
        self.tell(name, "dies")
        if name == "api":
            self.streams.has_died()
            for again in list(self._unanswered.values()):
                self.hub.loop.call_later(REPEAT_SECONDS, again)

    def request(self, work: Callable[[Deps], Any], then: Callable[[Any], None] = lambda _: None) -> None:
        """Send a request to the API, again and again until it is answered. A refusal is an answer: None."""
        key = next(self._requests)
        answered = [False]

        def answer(result: Any) -> None:
            if not answered[0]:
                answered[0] = True
                self._unanswered.pop(key, None)
                then(result)

        def once(deps: Deps) -> None:
            try:
                result = work(deps)
            except NotNow:
                self.hub.loop.call_later(REPEAT_SECONDS, again)
            except UserError:
                answer(None)
            else:
                answer(result)

        def again() -> None:
            if answered[0]:
                return
            if self.api.is_alive:
                self.api.run(once)
            else:
                self.hub.loop.call_later(REPEAT_SECONDS, again)

        self._unanswered[key] = again
        again()

    def after_commit(self, process: Process, messages: list[Message], topics: set[str]) -> None:
        """Send what a commit of this process sends."""
        for message in messages:
            self.tell(process.name, f"sends {message.task} {message.label} .{message.claim}")
            self.broker.send(message)
        if any(topic_and_id(topic)[0] is Topic.SEATS for topic in topics):
            self.streams.wake()

    def on_commit(self) -> None:
        """See what has become due."""
        self.has_news = True
        self.timekeeper.notice()

    def _emit(self, event: JSON) -> None:
        """Deliver a webhook: never, once or twice, soon or late."""
        self.tell("RealtimeKit", f"{event['event']} {_about(event)}")
        fate = self.luck.unusual(f"webhook {event['event']}", self.weather.webhook, tuple(WEBHOOKS)[1:], "")
        self.news_is_lost |= fate == "lost"
        delivery = Delivery(new_id(), json.dumps(event).encode())
        for delay in WEBHOOKS[fate]:
            self.desk.hand_in(delivery, delay)

    def _on_departure(self, peer: Peer) -> None:
        """Check that nobody is put out of the place that their seat points to, and tell the person."""
        person = next(it for it in self.people if it.name == peer.participant.custom_participant_id)
        meeting_id = peer.participant.meeting.id
        if (
            person.seat is not None
            and not person.is_gone
            and person.seat.realtimekit_meeting_id == meeting_id
            and not self._by_host(meeting_id)
        ):
            now = seats.read(self.eyes, [person.row_id]).found.get(person.row_id)
            if now is not None and now.version == person.seat.version:
                self.kicks.append((person.name, meeting_id))
                self.fail(f"kicks: {person.name} was put out of {meeting_id}, where their seat pointed to")
        self.hub.loop.call_soon(person.be_put_out, peer)

    def _by_host(self, meeting_id: str) -> bool:
        return meeting_id in self.by_host


def _about(event: JSON) -> str:
    person = event.get("participant", {}).get("customParticipantId", "")
    what = event.get("recording", {}).get("status", "")
    return f"{person or what} {event['meeting']['title']}"
