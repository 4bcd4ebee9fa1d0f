"""One person's browser, moved by hand: it goes where the seat says when the test says so, and tells what happened."""

from datetime import timedelta

from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.services.breakout import moving
from schemas.responses import SeatResponse
from schemas.tables import Participant, Room, Seat
from tests.services.hand import Hand, webhook
from tests.support.sandbox_server import JSON


class Browser:
    """A person of a breakout by hand. Whatever it does is told by webhooks at once."""

    def __init__(self, hand: Hand, name: str) -> None:
        self.hand, self.name = hand, name
        self.peer_id: str | None = None
        mine = col(Participant.meeting_id) == hand.meeting_id, col(Participant.custom_participant_id) == name
        with hand.deps.database.reading() as session:
            self.participant_id = session.scalars(select(col(Participant.id)).where(*mine)).one()

    @property
    def seat(self) -> SeatResponse:
        """The seat as the browser reads it."""
        return self.hand.seat(self.participant_id)

    @property
    def room(self) -> str | None:
        """The name of the room that the seat points to; None for main."""
        return self.seat.room_name

    @property
    def is_where_the_seat_says(self) -> bool:
        """Whether the person is in the meeting that the seat names."""
        peer = self._peer()
        return bool(peer and not peer["left_at"] and peer["meeting_id"] == self.seat.realtimekit_meeting_id)

    @property
    def has_left(self) -> bool:
        """Whether the latest connection has ended."""
        peer = self._peer()
        return peer is None or bool(peer["left_at"])

    @property
    def kicks(self) -> int:
        """How often the person was put out of any meeting."""
        return sum(peer["left_because"] not in (None, "left") for peer in self._peers())

    def follow(self) -> None:
        """Go where the seat says, unless the person is there."""
        if self.is_where_the_seat_says:
            return
        seat = self.seat
        peer = self._peer()
        if peer and not peer["left_at"]:
            self.hand.sandbox.leave(peer["peer_id"])
            self.tell("Left")
        self.peer_id = self.hand.sandbox.join(seat.auth_token or "")["peer_id"]
        self.tell("Joined")

    def tell(self, what: str) -> None:
        """Deliver and apply the webhook about the person's latest connection."""
        peer = self._peer()
        assert peer is not None
        self.hand.deliver(webhook(what, peer))
        self.hand.apply()

    def tell_if_put_out(self) -> None:
        """Deliver and apply the webhook about the end of the latest connection, if it has ended."""
        peer = self._peer()
        if peer and peer["left_at"]:
            self.tell("Left")

    def move(self, room: str | None) -> None:
        """Move the person to a room, or to main, at the operator's request. No task works on it yet."""
        room_id = rooms(self.hand)[room] if room else None
        moving.move_person(self.hand.deps, self.hand.breakout_id, self.name, room_id)

    def _peer(self) -> JSON | None:
        return next((peer for peer in self._peers() if peer["peer_id"] == self.peer_id), None)

    def _peers(self) -> list[JSON]:
        return [it for it in self.hand.sandbox.state()["peers"] if it["custom_participant_id"] == self.name]


def rooms(hand: Hand) -> dict[str, str]:
    """Return the ids of the rooms by name."""
    with hand.deps.database.reading() as session:
        mine = select(col(Room.name), col(Room.id)).where(col(Room.breakout_id) == hand.breakout_id)
        return dict(session.execute(mine).all())


def pass_deadlines(hand: Hand) -> None:
    """Let the time pass by which people had to leave rooms. Their rooms are due."""
    with hand.deps.database.transaction() as tx:
        ago = tx.now() - timedelta(seconds=1)
        tx.session.execute(update(Room).where(col(Room.breakout_id) == hand.breakout_id).values(due_at=ago))
        waiting = col(Seat.breakout_id) == hand.breakout_id, col(Seat.leave_by).is_not(None)
        tx.session.execute(update(Seat).where(*waiting).values(leave_by=ago))
