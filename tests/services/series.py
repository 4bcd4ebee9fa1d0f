"""A series of rounds over real parts whose rows are worked on by hand."""

from collections import Counter
from typing import Any

from sqlalchemy import update
from sqlmodel import col

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.people import acks
from orchestrator.services.planning import rounds
from orchestrator.services.views import breakouts
from schemas.requests import AckRequest, RoundsRequest
from schemas.responses import BreakoutResponse
from schemas.states import BreakoutState, CloseReason, Location
from schemas.tables import Breakout, Room
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer

S = BreakoutState
PEOPLE = [f"p{number:02}" for number in range(12)]


class Rounds:
    """A meeting with a series of three rounds."""

    def __init__(self, parts: tuple[Deps, SandboxServer], **body: Any) -> None:
        self.hand = Hand(*parts, PEOPLE, rooms=1, start="manual")
        asked = {"rounds": 3, "rooms": 4, "countdown_seconds": 0, "assignment": {"seed": 7}} | body
        made = rounds.create_rounds(self.hand.deps, self.hand.meeting_id, RoundsRequest.model_validate(asked))
        self.ids, self.series_id = made.breakout_ids, made.id
        with self.hand.deps.database.reading() as session:
            self.repeated_pairs = rounds.pairs_that_meet_again(session, self.ids)

    def shown(self, number: int) -> BreakoutResponse:
        """Return B of a round, counted from 1."""
        with self.hand.deps.database.reading() as session:
            return breakouts.breakout(session, self.ids[number - 1])

    def states(self) -> list[BreakoutState]:
        """Return the state of each round."""
        return [self.shown(number).state for number in range(1, len(self.ids) + 1)]

    def work(self, number: int, *tables: Any) -> None:
        """Work on what is due of a round."""
        self.hand.breakout_id = self.ids[number - 1]
        self.hand.work(*tables)

    def open(self, number: int, there: list[str] | None = None) -> None:
        """Open a round, and let these people go there (None: all who are told to)."""
        if self.shown(number).state in (S.DRAFT, S.SCHEDULED):
            operations.start(self.hand.deps, self.ids[number - 1])
        self.work(number, Breakout, Room, Breakout)
        assert self.shown(number).state is S.OPEN
        for room in self.shown(number).rooms:
            for person in room.participants:
                if there is None or person.custom_participant_id in there:
                    self.arrives(person.custom_participant_id, room.id)
        self.hand.apply()

    def arrives(self, name: str, room_id: str) -> None:
        """Let somebody's browser say that it is in a room."""
        self._says(name, AckRequest(location=Location.ROOM, room_id=room_id, version=0))

    def close(self, number: int) -> None:
        """Close a round, and let everybody come home."""
        operations.close(self.hand.deps, self.ids[number - 1], 0)
        self.work(number, Breakout)
        for name in PEOPLE:
            self._says(name, AckRequest(location=Location.MAIN, version=0))
        self.hand.apply()
        self.work(number, Room, Breakout)
        if self.shown(number).state is S.CLOSING:  # somebody may be in a room although nobody has seen them there
            self.hand.pass_grace()
            self.work(number, Breakout)
        assert self.shown(number).state is S.CLOSED

    def _says(self, name: str, arrived: AckRequest) -> None:
        assert acks.store_all(self.hand.deps, [acks.Ack(self.hand.ids()[name], arrived)]) == [None]

    def end(self, number: int, reason: CloseReason = CloseReason.API) -> None:
        """End a round as it ends when everybody has come home."""
        with self.hand.deps.database.transaction() as tx:
            ended = {"state": S.CLOSED, "close_reason": reason, "closed_at": tx.now()}
            tx.session.execute(update(Breakout).where(col(Breakout.id) == self.ids[number - 1]).values(**ended))
            later = [self.ids[number]] if number < len(self.ids) else []
            values = {"due_at": tx.now()}
            tx.session.execute(update(Breakout).where(col(Breakout.id).in_(later)).values(**values))


def active(series: Rounds) -> set[str]:
    """Return the child meetings that are ACTIVE at RealtimeKit."""
    meetings = series.hand.sandbox.state()["meetings"]
    return {it["id"] for it in meetings if it["status"] == "ACTIVE"} - {series.hand.parent()}


def calls_of(series: Rounds) -> Counter[str]:
    """Return how often each call was made until now."""
    return Counter(series.hand.sandbox.calls()["counts"])
