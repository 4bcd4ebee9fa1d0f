"""Asking for new RealtimeKit tokens where they are missing or can't be decrypted any more."""

from collections.abc import Collection

from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.services.breakout.locked import locked_for_meeting
from orchestrator.services.deps import Deps
from orchestrator.store import due
from schemas.tables import Meeting, Participant, Room, Seat


def want_main_tokens(deps: Deps, meeting_id: str, participant_ids: Collection[str]) -> None:
    """Ask for tokens for the parent meeting, for those of these people who have none that can be decrypted.

    The meeting's task makes them at once, except for people whom RealtimeKit has just refused one.
    """
    with locked_for_meeting(deps, meeting_id) as m:
        due.lock_rows(m.tx, Meeting, [meeting_id])
        times = []
        for person in m.tx.session.scalars(select(Participant).where(col(Participant.id).in_(participant_ids))).all():
            if deps.vault.open(person.auth_token) is None:
                m.people.change(person.id, auth_token=None, token_wanted=True)
                times.append(person.token_again_at or m.now)
        if times and min(times) <= m.now:
            due.want(m.tx, Meeting, [meeting_id])
        elif times:
            due.due_by(m.tx, Meeting, [meeting_id], min(times))


def want_room_tokens(deps: Deps, seat_ids: Collection[str]) -> None:
    """Ask for new tokens for those of these seats whose token can't be decrypted. Their rooms' tasks make them."""
    with deps.database.transaction() as tx:
        seats_there = tx.session.scalars(select(Seat).where(col(Seat.id).in_(seat_ids))).all()
        room_ids = {seat.room_id for seat in seats_there if deps.vault.open(seat.auth_token) is None}
        due.lock_rows(tx, Room, room_ids)
        tx.session.execute(
            update(Seat).where(col(Seat.id).in_(seat_ids), col(Seat.room_id).in_(room_ids)).values(auth_token=None)
        )
        due.want(tx, Room, room_ids)
