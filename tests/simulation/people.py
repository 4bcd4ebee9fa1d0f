"""People with browsers: each goes where their seat says, sooner or later, says so, or does something odd."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from orchestrator.errors import UserError
from orchestrator.sandbox.world import live
from orchestrator.sandbox.world.state import Peer
from orchestrator.sandbox.world.tokens import participant_of
from orchestrator.sandbox.world.values import Refusal
from orchestrator.services.deps import Deps
from orchestrator.services.people import seats, tokens
from orchestrator.services.people.acks import Ack
from schemas.requests import AckRequest
from schemas.responses import SeatResponse
from schemas.states import Location

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

UNAUTHORIZED = 401
REACTION_SECONDS = 0.1
"""How long a browser usually takes to follow its seat. What happens at the same time reaches the API together."""
AGAIN_SECONDS = 1.0
"""The pause before a browser tries again what did not work."""
STREAM_SECONDS = 2.0
"""How often the API reads all versions although nothing has woken it."""
READ_SECONDS = 0.02
NEW_TOKEN_SECONDS = 3.0
"""How long it takes until a browser whose client token was taken back has another."""
TEAMS = ("red", "blue")
HABITS = ("silent", "slow", "stays", "two tabs", "leaves", "silent and slow")
"""What a person may be like, instead of going at once where the seat says and saying so."""


class Person:
    """One person, with one browser or two."""

    def __init__(self, simulation: "Simulation", name: str, habit: str, *, is_host: bool = False) -> None:
        self._simulation = simulation
        self.name = name
        self.habit = habit
        self.is_host = is_host
        self.row_id = ""
        self.seat: SeatResponse | None = None
        self.peers: list[Peer] = []
        self.has_left = False
        self.is_gone = self.is_erased = False
        """Whether they were removed for good, and whether nothing is to name them any more."""
        self.was_let_in_again = False
        self.removals = 0
        """How many requests to remove them for good were not answered yet."""
        self._token_number: int | None = None
        self.went: set[str] = set()
        """The meetings at RealtimeKit that this person has joined."""
        self._acked = -1

    @property
    def where(self) -> str | None:
        """The meeting at RealtimeKit that this person is in."""
        return self.peers[0].participant.meeting.id if self.peers else None

    @property
    def registered(self) -> dict[str, Any]:
        """What registers this person. Every other one is of another team."""
        team = TEAMS[sum(map(ord, self.name)) % len(TEAMS)]
        role = "host" if self.is_host else "participant"
        return {"custom_participant_id": self.name, "name": self.name, "role": role, "attributes": {"team": team}}

    def take(self, seat: SeatResponse) -> None:
        """Be told a seat, and follow it after a moment."""
        if self.seat is not None and seat.version < self.seat.version:
            return
        self.seat = seat
        luck = self._simulation.luck
        slow = "slow" in self.habit
        self._later(luck.between(f"{self.name} reacts to {seat.version}", 3.0, 14.0) if slow else REACTION_SECONDS)

    def show_token(self, number: int) -> bool:
        """Show the client token to a stream that knows the number of good ones. Returns whether it is taken.

        Who is refused gets another token a moment later.
        """
        before, self._token_number = self._token_number, number
        if before in (None, number):
            return True
        self._simulation.streams.ask(self, NEW_TOKEN_SECONDS)
        return False

    def begin_anew(self, row_id: str) -> None:
        """Be registered anew after a removal, in a page that knows nothing of what was before."""
        self._leave()
        self.row_id, self.is_gone, self.was_let_in_again = row_id, False, True
        self.seat, self._acked, self._token_number = None, -1, None

    def hang_up(self) -> None:
        """Leave for good."""
        self.has_left = True
        self._leave()

    def be_put_out(self, peer: Peer) -> None:
        """Have been put out of a meeting. The browser asks for its seat anew."""
        if peer in self.peers:
            self.peers.remove(peer)
            self._acked = -1
            if not self.has_left:
                self._simulation.streams.ask(self, AGAIN_SECONDS)

    def _later(self, seconds: float) -> None:
        self._simulation.hub.loop.call_later(seconds, self._follow)

    def _follow(self) -> None:
        """Leave, join and acknowledge, as far as the seat asks for it."""
        seat = self.seat
        if seat is None or self.has_left or (self.habit == "stays" and self.peers):
            return
        if seat.realtimekit_meeting_id != self.where:
            if seat.auth_token is None or (self.habit == "stays" and seat.location is Location.ROOM):
                return
            self._leave()
            if not self._join(seat):
                return
        if seat.version != self._acked and "silent" not in self.habit:
            self._acked = seat.version
            room = {"room_id": seat.room_id} if seat.room_id else {}
            self._ack(AckRequest(location=seat.location, version=seat.version, **room))

    def _join(self, seat: SeatResponse) -> bool:
        try:
            participant = participant_of(self._simulation.world, seat.auth_token or "")
            for _ in range(2 if self.habit == "two tabs" else 1):
                self.peers.append(live.join(self._simulation.world, participant))
        except Refusal as refusal:
            if refusal.status == UNAUTHORIZED:
                self._ack(AckRequest(location="refused", version=seat.version))
            self._simulation.streams.ask(self, AGAIN_SECONDS)
            return False
        self.went.add(seat.realtimekit_meeting_id)
        if self.habit == "leaves" and seat.location is Location.ROOM:
            self._simulation.hub.loop.call_later(5.0, self.hang_up)
        return True

    def _leave(self) -> None:
        peers, self.peers = self.peers, []
        for peer in peers:
            live.leave(self._simulation.world, peer)

    def _ack(self, body: AckRequest) -> None:
        """Tell the API, unless the network loses it."""
        simulation = self._simulation
        if simulation.luck.strikes(f"ack of {self.name} lost", simulation.weather.browser):
            simulation.news_is_lost = True
            return
        simulation.desk.hand_in(Ack(self.row_id, body), READ_SECONDS)


class Streams:
    """The seat streams of one API process: one read for all, and what has changed goes to each."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._told: dict[str, int] = {}
        self._said: dict[tuple[str, int], dict[str, Any]] = {}
        self._is_planned = False

    def wake(self) -> None:
        """Read soon what has changed; only at the next regular read when the wake-up is lost."""
        if not self._is_planned:
            lost = self._simulation.luck.strikes("seats wake-up lost", self._simulation.weather.wake)
            self._plan(STREAM_SECONDS if lost else READ_SECONDS)

    def ask(self, person: Person, delay: float) -> None:
        """Read one person's seat, as a browser does that is not sure."""
        self._simulation.api.run(lambda deps: self._give(deps, [person.row_id]), delay=delay)

    def _plan(self, delay: float) -> None:
        self._is_planned = True
        self._simulation.hub.loop.call_later(delay, self._read_soon)

    def _read_soon(self) -> None:
        self._is_planned = False
        if self._simulation.api.is_alive:
            self._simulation.api.run(self._read)
        else:
            self._plan(STREAM_SECONDS)

    def has_died(self) -> None:
        """Begin all streams anew, as browsers do whose connection was cut."""
        self._told = {}
        self._plan(STREAM_SECONDS)

    def _read(self, deps: Deps) -> None:
        with deps.database.glancing() as session:
            latest = seats.latest(session, [self._simulation.meeting_id])
        people = [it for it in self._simulation.people if it.row_id in latest and not it.has_left]
        listening = {it.row_id for it in people if it.show_token(latest[it.row_id].token_number)}
        versions = {row_id: found.version for row_id, found in latest.items()}
        changed = [row_id for row_id in sorted(listening) if versions.get(row_id) != self._told.get(row_id)]
        if changed:
            self._give(deps, changed)

    def _give(self, deps: Deps, row_ids: Collection[str]) -> None:
        read = seats.read(deps, row_ids)
        for person in self._simulation.people:
            if (seat := read.found.get(person.row_id)) is not None:
                self._check(person, seat)
                self._told[person.row_id] = seat.version
                person.take(seat)
        try:
            tokens.ask_for(deps, read.missing)
        except UserError as error:
            self._simulation.fail(f"tokens could not be asked for: {error}")

    def _check(self, person: Person, seat: SeatResponse) -> None:
        """See that a version always says the same, counts aside."""
        said = seat.model_dump(mode="json")
        for room in (said["breakout"] or {}).get("rooms") or ():
            del room["participant_count"]
        before = self._said.setdefault((person.row_id, seat.version), said)
        if other := {name: (before[name], value) for name, value in said.items() if before[name] != value}:
            self._simulation.fail(f"version {seat.version} of {person.name}'s seat said two things: {other}")
