"""An open breakout with people in its rooms, whose time passes when a test says so."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import SQLModel, col

from orchestrator.services.breakout import changes, room_changes
from orchestrator.services.deps import Deps
from orchestrator.services.planning import rooms as planning
from orchestrator.services.views import breakouts, news
from schemas.events import EventType
from schemas.requests import BreakoutChange, RoomChange
from schemas.responses import BreakoutResponse, RoomResponse
from schemas.states import BreakoutState, RoomState, SeatState
from schemas.tables import Breakout, Event, Meeting, Room
from tests.services.browser import Browser
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer

S, P, R = BreakoutState, SeatState, RoomState
A, B, C = "Room A", "Room B", "Room C"
NAMED = [{"name": A, "participants": ["ana"]}, {"name": B, "participants": ["bo"]}, {"name": C}]
COUNTDOWN, HOUR = 60, 3600
CLOCKS: dict[type[SQLModel], tuple[str, ...]] = {
    Breakout: ("own_end", "closes_at", "empties_at", "sent_home_at", "gives_up_at", "warned_until", "rooms_look_at"),
    Room: ("own_end", "empties_at", "sent_home_at", "gives_up_at", "warned_until", "retired_at"),
}


class Live(Hand):
    """An open breakout with Ana in the first room and Bo in the second, where they are."""

    def __init__(self, fresh: tuple[Deps, SandboxServer], *more: str, **body: Any) -> None:
        given: dict[str, Any] = {"rooms": NAMED, "countdown_seconds": COUNTDOWN, "warn_before_seconds": []} | body
        super().__init__(*fresh, ["ana", "bo", *more], **given)
        self.browsers = {name: Browser(self, name) for name in ("ana", "bo", *more)}
        self.follow()
        assert self.shown.state is S.OPEN

    @property
    def shown(self) -> BreakoutResponse:
        """B as it is answered now."""
        with self.deps.database.reading() as session:
            return breakouts.breakout(session, self.breakout_id)

    def room(self, name: str) -> RoomResponse:
        """Return a room by its name."""
        return next(room for room in self.shown.rooms if room.name == name)

    def change(self, **body: Any) -> None:
        """Change the breakout, and let all follow from it."""
        changes.change(self.deps, self.breakout_id, BreakoutChange.model_validate(body))
        self.work(Breakout, Room, Breakout)

    def change_room(self, which: str, **body: Any) -> RoomResponse:
        """Change a room, and return it."""
        wish = RoomChange.model_validate(body)
        room_changes.change_room(self.deps, self.breakout_id, self.room(which).id, wish)
        return self.room(body.get("name", which))

    def delete(self, name: str) -> RoomResponse:
        """Delete a room, and return it."""
        planning.delete_room(self.deps, self.breakout_id, self.room(name).id)
        return self.room(name)

    def follow(self) -> None:
        """Let everybody go where their seat says."""
        self.work(Room, Meeting)
        for browser in self.browsers.values():
            if browser.seat.auth_token:
                browser.follow()
        self.work(Breakout, Room, Breakout)

    def wait(self, seconds: float) -> None:
        """Let so much time pass at once, and do what is due by then."""
        with self.deps.database.transaction() as tx:
            rooms = [tx.session.get_one(Room, room.id) for room in self.shown.rooms]
            for row in (tx.session.get_one(Breakout, self.breakout_id), *rooms):
                for column in CLOCKS[type(row)]:
                    if (at := getattr(row, column)) is not None:
                        setattr(row, column, at - timedelta(seconds=seconds))
            tx.session.get_one(Breakout, self.breakout_id).due_at = tx.now()
        self.work(Breakout, Room, Breakout)

    def told(self, name: str) -> list[tuple[str, dict[str, Any]]]:
        """Return what a person's stream was told besides seats."""
        with self.deps.database.reading() as session:
            items = news.after(session, {self.breakout_id: 0})
        person = self.ids()[name]
        return [(it.event, it.data.model_dump()) for it in items if it.concerns(person)]

    def warnings(self) -> list[tuple[int, list[str] | None]]:
        """Return the warnings that were given: the seconds left, and the names of the rooms."""
        with self.deps.database.reading() as session:
            mine = col(Event.breakout_id) == self.breakout_id, col(Event.type) == EventType.BREAKOUT_WARNING
            data = session.scalars(select(col(Event.data)).where(*mine).order_by(col(Event.number))).all()
        names = {room.id: room.name for room in self.shown.rooms}
        return [(it["remaining_seconds"], it["room_ids"] and [names[one] for one in it["room_ids"]]) for it in data]


def later(seconds: float) -> str:
    """Return the time so many seconds from now, as a request has it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
