"""Asking for new RealtimeKit tokens where they are missing or can't be decrypted any more.

Nothing here takes the lock of a breakout, because browsers ask in crowds while the breakout is being worked on.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.services.breakout.people_writes import PeopleWrites
from orchestrator.services.deps import Deps
from orchestrator.store import due
from schemas.tables import Meeting, Participant, Room, Seat


@dataclass(frozen=True)
class MissingTokens:
    """Who lacks a token: people of main by meeting, and seats in rooms."""

    main: Mapping[str, set[str]] = field(default_factory=dict)
    seats: Collection[str] = ()

    def __or__(self, other: "MissingTokens") -> "MissingTokens":
        """Return both together."""
        main: defaultdict[str, set[str]] = defaultdict(set)
        for one in (self.main, other.main):
            for meeting_id, people in one.items():
                main[meeting_id] |= people
        return MissingTokens(main, {*self.seats, *other.seats})

    def __bool__(self) -> bool:
        return bool(self.main or self.seats)


def ask_for(deps: Deps, missing: MissingTokens) -> None:
    """Ask for the tokens that are missing. The tasks of meetings and rooms make them."""
    for meeting_id, participant_ids in missing.main.items():
        _want_main_tokens(deps, meeting_id, participant_ids)
    if missing.seats:
        _want_room_tokens(deps, missing.seats)


def _want_main_tokens(deps: Deps, meeting_id: str, participant_ids: Collection[str]) -> None:
    """Ask for tokens for the parent meeting, for those of these people who have none that can be decrypted.

    The meeting's task makes them at once, except for people whom RealtimeKit has just refused one.
    """
    with deps.database.transaction() as tx:
        due.lock_rows(tx, Meeting, [meeting_id])
        people, now, times = PeopleWrites(tx, meeting_id), tx.now(), []
        for person in tx.session.scalars(select(Participant).where(col(Participant.id).in_(participant_ids))).all():
            if deps.vault.open(person.auth_token) is None:
                people.change(person.id, auth_token=None, token_wanted=True)
                times.append(person.token_again_at or now)
        if times and min(times) <= now:
            due.want(tx, Meeting, [meeting_id])
        elif times:
            due.due_by(tx, Meeting, [meeting_id], min(times))
        people.write()


def _want_room_tokens(deps: Deps, seat_ids: Collection[str]) -> None:
    """Ask for new tokens for those of these seats whose token can't be decrypted. Their rooms' tasks make them."""
    with deps.database.transaction() as tx:
        seats_there = tx.session.scalars(select(Seat).where(col(Seat.id).in_(seat_ids))).all()
        room_ids = {seat.room_id for seat in seats_there if deps.vault.open(seat.auth_token) is None}
        due.lock_rows(tx, Room, room_ids)
        tx.session.execute(
            update(Seat).where(col(Seat.id).in_(seat_ids), col(Seat.room_id).in_(room_ids)).values(auth_token=None)
        )
        due.want(tx, Room, room_ids)
