"""A whole lifecycle of a recorded breakout, worked on by one worker in this thread, and what it costs."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.services.breakout import moving, operations
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import creating
from orchestrator.services.people import seats, tokens
from orchestrator.services.planning import creating as planning
from orchestrator.services.webhooks import incoming
from orchestrator.store import due
from schemas.columns import new_id
from schemas.requests import BreakoutRequest, MeetingRequest
from schemas.responses import SeatResponse
from schemas.states import BreakoutState
from schemas.tables import Breakout, Meeting, Participant, Room
from tests.services.drain import drain, end_rests, forget_messages
from tests.services.hand import webhook
from tests.support.queries import count_queries
from tests.support.sandbox_server import JSON, SandboxServer


@dataclass
class Cost:
    """What our processes have spent; what browsers ask for is not in it."""

    calls: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    statements: int = 0


class Lifecycle:
    """People in the main meeting, who go where their seats say. One delivery of webhooks tells of all of them."""

    def __init__(self, parts: tuple[Deps, SandboxServer], rooms: int, people: int) -> None:
        self.deps, self.sandbox = parts
        self.rooms, self.names = rooms, [f"p{number}" for number in range(people)]
        self.cost = Cost()
        self._peers: dict[str, str] = {}
        self.breakout_id = ""
        forget_messages(self.deps)
        persons = [{"custom_participant_id": name, "name": name} for name in self.names]
        self.meeting_id = creating.create(
            self.deps, MeetingRequest.model_validate({"title": "Physics", "participants": persons})
        )
        self.follow()
        self.cost = Cost()
        self.sandbox.forget_calls()

    def run(self, *, moved: int = 0) -> Cost:
        """Open it, move some people, close it, and return what it has cost."""
        self.open()
        for name in self.names[:moved]:
            self._do(partial(self._move_on, name))
        self.follow()
        self.close()
        self.follow()
        self._deliver(self._uploads())
        self.cost.calls = Counter(self.sandbox.calls()["counts"])
        return self.cost

    def open(self) -> None:
        """Open the breakout, and let everybody go to their room."""
        asked = {"rooms": self.rooms, "record": True, "start": "now", "assignment": {"seed": 1}}
        request = BreakoutRequest.model_validate(asked)

        def create() -> None:
            self.breakout_id = planning.create(self.deps, self.meeting_id, request)

        self._do(create)
        self.follow()

    def close(self) -> None:
        """Send everybody home. They have yet to go."""
        self._do(partial(operations.close, self.deps, self.breakout_id, 0))

    def poll(self) -> int:
        """Let the time of the next poll come. Returns how many calls it makes."""
        self.sandbox.forget_calls()
        with self.deps.database.transaction() as tx:
            mine = update(Meeting).where(col(Meeting.id) == self.meeting_id)
            tx.session.execute(mine.values(poll_at=tx.now()))
            due.want(tx, Meeting, [self.meeting_id])
        drain(self.deps)
        return sum(self.sandbox.calls()["counts"].values())

    @property
    def state(self) -> BreakoutState:
        """The state of the breakout."""
        with self.deps.database.reading() as session:
            return session.get_one(Breakout, self.breakout_id).state

    def follow(self) -> None:
        """Let everybody go where their seat says, and RealtimeKit tell of it."""
        wanted = self._seats()
        peers = {peer["peer_id"]: peer for peer in self.sandbox.state()["peers"]}
        moved = {
            name: self._peers.get(name)
            for name, seat in wanted.items()
            if name not in self._peers or peers[self._peers[name]]["meeting_id"] != seat.realtimekit_meeting_id
        }
        for name, peer_id in moved.items():
            if peer_id:
                self.sandbox.leave(peer_id)
            self._peers[name] = self.sandbox.join(wanted[name].auth_token or "")["peer_id"]
        peers = {peer["peer_id"]: peer for peer in self.sandbox.state()["peers"]}
        left = [webhook("Left", peers[peer_id]) for peer_id in moved.values() if peer_id]
        self._deliver(left + [webhook("Joined", peers[self._peers[name]]) for name in moved])

    def _seats(self) -> dict[str, SeatResponse]:
        """Read everybody's seat as browsers do, and ask for the tokens that are missing."""
        columns = col(Participant.id), col(Participant.custom_participant_id)
        with self.deps.database.reading() as session:
            names = dict(session.execute(select(*columns).where(col(Participant.meeting_id) == self.meeting_id)).all())
        read = seats.read(self.deps, list(names))
        if read.missing:
            self._do(partial(tokens.ask_for, self.deps, read.missing))
            read = seats.read(self.deps, list(names))
        return {name: read.found[row_id] for row_id, name in names.items()}

    def _move_on(self, name: str) -> None:
        """Move a person to the room after theirs."""
        seat = self._seats()[name]
        mine = select(col(Room.id)).where(col(Room.breakout_id) == self.breakout_id).order_by(col(Room.index))
        with self.deps.database.reading() as session:
            ids = list(session.scalars(mine))
        there = ids[(ids.index(seat.room_id or "") + 1) % len(ids)]
        moving.move_person(self.deps, self.breakout_id, name, there)

    def _uploads(self) -> Iterable[JSON]:
        for it in self.sandbox.state()["recordings"]:
            fields = {"id": it["id"], "status": "UPLOADED", "startedTime": it["started_time"]}
            fields |= {"stoppedTime": it["stopped_time"], "downloadUrl": "https://files.example/1"}
            yield {"event": "recording.statusUpdate", "recording": fields, "meeting": {"id": it["meeting_id"]}}

    def _deliver(self, events: Iterable[JSON]) -> None:
        deliveries = [incoming.Delivery(new_id(), json.dumps(event).encode()) for event in events]
        self._do(partial(incoming.store_all, self.deps, deliveries))

    def _do(self, work: Callable[[], object]) -> None:
        """Do this and all that follows from it, and add what it costs."""

        def all_of_it() -> None:
            work()
            self.cost.messages += drain(self.deps)

        self.cost.statements += count_queries(self.deps.database, all_of_it)
        end_rests(self.deps)
