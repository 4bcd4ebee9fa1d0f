"""A breakout over real parts whose rows are worked on by hand, in this thread: no worker, no timekeeper, no luck."""

import json
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlmodel import col

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import creating, leftovers, sync
from orchestrator.services.people import seats, tokens
from orchestrator.services.planning import creating as planning
from orchestrator.services.planning import solving
from orchestrator.services.recordings import following
from orchestrator.services.rooms import advancing
from orchestrator.services.views import breakouts
from orchestrator.services.webhooks import applying, incoming
from orchestrator.store.database import Transaction
from schemas.columns import new_id
from schemas.requests import BreakoutRequest, MeetingRequest
from schemas.responses import SeatResponse
from schemas.states import SeatState
from schemas.tables import Breakout, Inbox, Leftover, Meeting, Participant, Presence, Recording, Room, Seat, Solve
from tests.support.sandbox_server import JSON, SandboxServer

WORK: dict[Any, Any] = {
    Breakout: operations.step,
    Room: advancing.advance,
    Solve: solving.solve,
    Inbox: applying.apply,
    Meeting: sync.sync,
    Recording: following.follow,
    Leftover: leftovers.clear,
}

OWNERS: dict[Any, Any] = {Room: Room.breakout_id, Recording: Recording.breakout_id, Leftover: Leftover.meeting_id}
"""The column that names the breakout or the meeting of a row, where it is not the row's own id."""


class Hand:
    """One parent meeting with an open breakout. What is due is done when the test calls `work`."""

    def __init__(
        self, deps: Deps, sandbox: SandboxServer, names: Collection[str], meeting: JSON | None = None, **body: Any
    ) -> None:
        self.deps, self.sandbox = deps, sandbox
        people = [{"custom_participant_id": name, "name": name} for name in names]
        asked = MeetingRequest.model_validate({"title": "By hand", "participants": people, **(meeting or {})})
        self.meeting_id = creating.create(deps, asked)
        request = BreakoutRequest.model_validate({"assignment": {"seed": 1}, "start": "now", **body})
        self.breakout_id = planning.create(deps, self.meeting_id, request)
        self.work(Breakout, Room, Breakout, Meeting)

    def work(self, *tables: Any) -> None:
        """Run the tasks of the rows of these tables that have a due time, in this order, once each, without waiting."""
        for table in tables:
            with self.deps.database.reading() as session:
                owner = OWNERS.get(table, table.id)
                mine = owner.in_([self.breakout_id, self.meeting_id])
                rows = session.execute(select(table.id, table.claim).where(mine, table.due_at.is_not(None))).all()
            for row_id, claim in rows:
                WORK[table](self.deps, row_id, claim)

    def deliver(self, *events: JSON) -> None:
        """Deliver these webhooks, each in a delivery of its own. They wait to be applied."""
        deliveries = [incoming.Delivery(new_id(), json.dumps(event).encode()) for event in events]
        incoming.store_all(self.deps, deliveries)

    def seat(self, participant_id: str) -> SeatResponse:
        """Return a person's seat as their browser reads it, and ask for the token that it lacks."""
        read = seats.read(self.deps, [participant_id])
        tokens.ask_for(self.deps, read.missing)
        return read.found[participant_id]

    def apply(self) -> None:
        """Apply the waiting facts."""
        self.work(Inbox)

    def poll(self) -> None:
        """Poll RealtimeKit, as if a minute had passed since everything that happened."""
        with self.deps.database.transaction() as tx:
            now = tx.now()
            for presence in tx.session.scalars(select(Presence).where(col(Presence.meeting_id) == self.meeting_id)):
                presence.joined_at -= timedelta(minutes=1)
            mine = update(Meeting).where(col(Meeting.id) == self.meeting_id)
            tx.session.execute(mine.values(poll_at=now, due_at=now))
        self.work(Meeting)

    def pass_grace(self) -> None:
        """Let the time pass in which people go home by themselves, and work on what is due then."""
        with self.deps.database.transaction() as tx:
            mine = update(Breakout).where(col(Breakout.id) == self.breakout_id)
            ago = tx.now() - self.deps.grace - timedelta(seconds=1)
            tx.session.execute(mine.values(empties_at=ago, sent_home_at=ago, due_at=tx.now()))
        self.work(Breakout, Room)

    def pass_second_grace(self) -> None:
        """Let the time pass in which people who were put out come home, and look who is missing."""
        with self.deps.database.transaction() as tx:
            mine = update(Breakout).where(col(Breakout.id) == self.breakout_id)
            tx.session.execute(mine.values(gives_up_at=tx.now(), due_at=tx.now()))
        self.work(Breakout)

    def forget_polls(self, tx: Transaction) -> None:
        """Forget all polls, as if no meeting had been polled yet."""
        tx.session.execute(update(Room).where(col(Room.breakout_id) == self.breakout_id).values(polled_at=None))
        tx.session.execute(update(Meeting).where(col(Meeting.id) == self.meeting_id).values(polled_at=None))

    def age_tokens(self, *, ended: bool) -> None:
        """Let everybody's tokens come to the time of their renewal, or to their end."""
        with self.deps.database.transaction() as tx:
            ago = tx.now() - timedelta(seconds=1)
            times = {"token_renew_at": ago, "token_made_at": ago - timedelta(minutes=1)}
            times |= {"token_good_until": ago} if ended else {}
            of_breakout = col(Seat.breakout_id) == self.breakout_id
            tx.session.execute(update(Room).where(col(Room.breakout_id) == self.breakout_id).values(due_at=ago))
            tx.session.execute(update(Seat).where(of_breakout).values(times))
        with self.deps.database.transaction() as tx:
            of_meeting = col(Participant.meeting_id) == self.meeting_id
            tx.session.execute(update(Meeting).where(col(Meeting.id) == self.meeting_id).values(due_at=ago))
            tx.session.execute(update(Participant).where(of_meeting).values(times))

    def pause(self) -> timedelta:
        """Return how long it takes until a room is due."""
        with self.deps.database.transaction() as tx:
            mine = select(func.min(col(Room.due_at))).where(col(Room.breakout_id) == self.breakout_id)
            due_at = tx.session.scalar(mine)
            assert due_at is not None
            return due_at - tx.now()

    def look(self, name: str) -> SeatResponse:
        """Read a person's seat as their browser does."""
        return self.seat(self.ids()[name])

    def ids(self) -> dict[str, str]:
        """Return our id of everybody by the caller's own."""
        columns = col(Participant.custom_participant_id), col(Participant.id)
        with self.deps.database.reading() as session:
            return dict(session.execute(select(*columns).where(col(Participant.meeting_id) == self.meeting_id)).all())

    def problems(self) -> list[str]:
        """Return what the breakout's problems are about."""
        with self.deps.database.reading() as session:
            return [problem.what for problem in breakouts.breakout(session, self.breakout_id).problems]

    def tokens(self) -> dict[str, str]:
        """Return everybody's token for their room."""
        return {name: self.deps.vault.open(seat.auth_token) or "" for name, seat in self._seats().items()}

    def main_token(self, name: str) -> str:
        """Return a person's token for the parent meeting; empty without one."""
        mine = col(Participant.meeting_id) == self.meeting_id, col(Participant.custom_participant_id) == name
        with self.deps.database.reading() as session:
            return self.deps.vault.open(session.scalars(select(col(Participant.auth_token)).where(*mine)).one()) or ""

    def seats(self) -> dict[str, SeatState]:
        """Return the state of everybody's seat."""
        return {name: seat.state for name, seat in self._seats().items()}

    def rooms(self) -> set[str]:
        """Return the states in which rooms are."""
        with self.deps.database.reading() as session:
            mine = col(Room.breakout_id) == self.breakout_id
            return set(session.scalars(select(col(Room.state)).where(mine)))

    def there(self) -> set[tuple[str, str]]:
        """Return the known people of the meeting and its rooms, each with their peer id."""
        statement = select(col(Participant.custom_participant_id), col(Presence.peer_id))
        here = statement.join(Presence, col(Presence.participant_id) == col(Participant.id)).where(
            col(Presence.meeting_id) == self.meeting_id, col(Presence.left_at).is_(None)
        )
        with self.deps.database.reading() as session:
            return {(name, peer_id) for name, peer_id in session.execute(here)}

    def parent(self) -> str:
        """Return the id of the parent's RealtimeKit meeting."""
        with self.deps.database.reading() as session:
            return session.get_one(Meeting, self.meeting_id).realtimekit_meeting_id

    def places(self) -> set[str | None]:
        """Return the ids of the rooms' RealtimeKit meetings."""
        with self.deps.database.reading() as session:
            statement = select(col(Room.realtimekit_meeting_id)).where(col(Room.breakout_id) == self.breakout_id)
            return set(session.scalars(statement))

    def _seats(self) -> dict[str, Seat]:
        with self.deps.database.reading() as session:
            statement = select(col(Participant.custom_participant_id), Seat).join(
                Participant, col(Participant.id) == col(Seat.participant_id)
            )
            mine = col(Seat.breakout_id) == self.breakout_id, col(Seat.wanted)
            rows = session.execute(statement.where(*mine)).all()
        return dict(rows)


def webhook(what: str, peer: JSON) -> JSON:
    """Return RealtimeKit's webhook about a peer of the sandbox: that it `Joined`, or `Left`."""
    person = {"peerId": peer["peer_id"], "customParticipantId": peer["custom_participant_id"]}
    person |= {"joinedAt": peer["joined_at"]} | ({"leftAt": peer["left_at"]} if what == "Left" else {})
    meeting = {"id": peer["meeting_id"], "sessionId": peer["session_id"]}
    return {"event": f"meeting.participant{what}", "meeting": meeting, "participant": person}
