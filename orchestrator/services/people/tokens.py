"""Asking for new RealtimeKit tokens where they are missing, end soon, or can't be decrypted any more.

Nothing here takes the lock of a breakout, because browsers ask in crowds while the breakout is being worked on.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlmodel import Session, col

from orchestrator.services.breakout.people_writes import PeopleWrites
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.database import statement_time
from schemas.tables import Meeting, Participant, Room, Seat


@dataclass(frozen=True)
class MissingTokens:
    """Who lacks a token, or has one that ends soon: people of main by meeting, and seats in rooms."""

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


def ending(session: Session, meeting_ids: Collection[str]) -> MissingTokens:
    """Return whose token for main is to be renewed, and was not asked for yet.

    The process that serves a stream asks in place of its browser, which only listens.
    """
    now, again_at = statement_time(session), col(Participant.token_again_at)
    statement = select(col(Participant.meeting_id), col(Participant.id)).where(
        col(Participant.meeting_id).in_(meeting_ids),
        col(Participant.token_renew_at) <= now,
        ~col(Participant.token_wanted),
        or_(again_at.is_(None), again_at <= now),
    )
    found: defaultdict[str, set[str]] = defaultdict(set)
    for meeting_id, participant_id in session.execute(statement):
        found[meeting_id].add(participant_id)
    return MissingTokens(found)


def ask_for(deps: Deps, missing: MissingTokens) -> None:
    """Ask for the tokens that are missing. The tasks of meetings and rooms make them."""
    for meeting_id, participant_ids in missing.main.items():
        _want_main_tokens(deps, meeting_id, participant_ids)
    if missing.seats:
        _want_room_tokens(deps, missing.seats)


def _want_main_tokens(deps: Deps, meeting_id: str, participant_ids: Collection[str]) -> None:
    """Ask for tokens for the parent meeting, for those of these people who have none, or one that ends soon.

    One that can't be decrypted counts as none. The meeting's task makes them at once, except for people whom
    RealtimeKit has just refused one.
    """
    with deps.database.transaction() as tx:
        due.lock_rows(tx, Meeting, [meeting_id])
        people, now, times = PeopleWrites(tx, meeting_id), tx.now(), []
        for person in tx.session.scalars(select(Participant).where(col(Participant.id).in_(participant_ids))).all():
            is_missing = deps.vault.open(person.auth_token) is None
            if is_missing or (person.token_renew_at and person.token_renew_at <= now):
                people.change(person.id, token_wanted=True, **({"auth_token": None} if is_missing else {}))
                times.append(person.token_again_at or now)
        if times and min(times) <= now:
            due.want(tx, Meeting, [meeting_id])
        elif times:
            due.due_by(tx, Meeting, {meeting_id: min(times)})
        people.write()


def _want_room_tokens(deps: Deps, seat_ids: Collection[str]) -> None:
    """Ask for new tokens for those of these seats whose token can't be decrypted. Their rooms' tasks make them.

    One that could not be made just now is not asked for before its time.
    """
    with deps.database.transaction() as tx:
        asked = col(Seat.id).in_(seat_ids)
        due.lock_rows(tx, Room, tx.session.scalars(select(col(Seat.room_id)).where(asked).distinct()))
        seats = tx.session.scalars(select(Seat).where(asked)).all()  # now, for a room may have made one meanwhile
        mine = [seat for seat in seats if not _has_just_failed(seat, tx.now())]
        unreadable = [seat for seat in mine if deps.vault.open(seat.auth_token) is None]
        ids = [seat.id for seat in unreadable]
        tx.session.execute(update(Seat).where(col(Seat.id).in_(ids)).values(auth_token=None, token_renew_at=None))
        due.want(tx, Room, {seat.room_id for seat in unreadable})


def _has_just_failed(seat: Seat, now: datetime) -> bool:
    """Return whether there is no token because one could not be made, and its next try has a time."""
    return seat.auth_token is None and seat.token_renew_at is not None and seat.token_renew_at > now
