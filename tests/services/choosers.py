"""A crowd that goes from room to room by itself. Some of them arrive where they go, and some choose again before."""

from dataclasses import replace

from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.errors import UserError
from orchestrator.services.breakout.choosing import Choice, choose_all
from orchestrator.services.deps import Deps
from orchestrator.services.people import acks
from orchestrator.services.people.acks import Ack
from orchestrator.services.views import breakouts
from schemas.requests import AckRequest
from schemas.states import SeatState
from schemas.tables import Breakout, Room, Seat
from tests.services.hand import Hand
from tests.support.queries import count_queries
from tests.support.sandbox_server import SandboxServer

PATTERN = 12
"""After so many people the next ones do the same as the first."""
ROOMS = 3


class Choosers(Hand):
    """People who choose at the same time, each another place than before, or the same again."""

    def __init__(self, parts: tuple[Deps, SandboxServer], people: int) -> None:
        names = [f"p{number}" for number in range(people)]
        deps, sandbox = parts
        settings = deps.settings.model_copy(update={"return_grace_seconds": 3600.0})  # nobody is put out meanwhile
        super().__init__(
            replace(deps, settings=settings), sandbox, names, rooms=ROOMS, assignment={"mode": "self_select"}
        )
        self.work(Breakout, Room, Breakout)
        self._people = [self.ids()[name] for name in names]
        self._turn = 0
        with self.deps.database.reading() as session:
            rooms = breakouts.breakout(session, self.breakout_id).rooms
        self._places: list[str | None] = [*(room.id for room in rooms), None]

    def choose(self, room: int | None = None) -> int:
        """Let everybody choose, this room or each another place. Returns the statements that this has cost."""
        self._turn += 1
        numbers = range(len(self._people))
        places = [self._places[self._chosen(number % PATTERN) if room is None else room] for number in numbers]
        choices = [Choice(*it, place) for it, place in zip(self._who(), places, strict=True)]
        answers: list[UserError | None] = []
        statements = count_queries(self.deps.database, lambda: answers.extend(choose_all(self.deps, choices)))
        assert answers == [None] * len(choices)
        return statements

    def close_room(self, room: int) -> None:
        """Let a room's own end come, and its countdown pass."""
        for ends in ("own_end", "empties_at"):
            with self.deps.database.transaction() as tx:
                mine = update(Breakout).where(col(Breakout.id) == self.breakout_id)
                tx.session.execute(mine.values(rooms_look_at=tx.now(), due_at=tx.now()))
                tx.session.execute(update(Room).where(col(Room.id) == self._places[room]).values({ends: tx.now()}))
            self.work(Breakout)

    def follow(self) -> None:
        """Let rooms admit those who have come to them, and two of three people arrive where their seats say."""
        self.work(Room, Breakout, Room)
        arriving = [one for number, one in enumerate(self._people) if (number % PATTERN + self._turn) % 3]
        said = [(one, self.seat(one)) for one in arriving]
        reports = [
            Ack(one, AckRequest(location=seat.location, room_id=seat.room_id, version=seat.version))
            for one, seat in said
        ]
        assert acks.store_all(self.deps, reports) == [None] * len(reports)
        self.apply()

    def states(self) -> set[SeatState]:
        """Return the states of all seats that anybody has had."""
        mine = select(col(Seat.state)).where(col(Seat.breakout_id) == self.breakout_id)
        with self.deps.database.reading() as session:
            return set(session.scalars(mine))

    def _who(self) -> list[tuple[str, str]]:
        return [(one, self.meeting_id) for one in self._people]

    def _chosen(self, number: int) -> int:
        return (number * self._turn + number // 4 + self._turn) % (ROOMS + 1)
