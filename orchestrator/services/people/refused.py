"""Tokens that RealtimeKit has refused, as browsers report: another one is made, and a new version of the seat follows.

At most one new token is made in ONE_TOKEN_IN for one person and place.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.services.breakout.locked import MeetingScope
from orchestrator.services.people.seats import POINTED, pointing
from orchestrator.store import due
from schemas.states import LIVE
from schemas.tables import Due, Meeting, Participant, Room, Seat

ONE_TOKEN_IN = timedelta(seconds=10)


def renew(m: MeetingScope, refused: Sequence[tuple[str, int]]) -> None:
    """Ask for new tokens for people, each given with the version of the seat whose token was refused.

    A version that is not the present one any more counts for nothing. The seat stays as it is until the new token is
    there, because a version says the same whenever it is read. Call it before seats of the meeting are locked.
    """
    versions = dict(sorted(refused))  # of two versions of one person the later one
    if not versions:
        return
    people = m.tx.session.scalars(select(Participant).where(col(Participant.id).in_(versions))).all()
    present = {person.id: person for person in people if person.version == versions[person.id]}
    seats = _seats(m, present.keys())
    _renew_in_rooms(m, seats.values())
    main = [person for person_id, person in present.items() if person_id not in seats]
    times = {person.id: _next_try(m.now, person.token_made_at) for person in main}
    for participant_id, at in times.items():
        m.people.change(participant_id, token_wanted=True, token_renew_at=at)
    _make_due(m, Meeting, {m.meeting_id: min(times.values())} if times else {})


def _seats(m: MeetingScope, participant_ids: Collection[str]) -> dict[str, Seat]:
    """Return the seat in a room that each person's seat points to, and lock the rooms."""
    b = m.breakout
    if b is None or not participant_ids or b.row.state not in LIVE or b.row.sent_home_at is not None:
        return {}
    b.lock_rooms()
    return dict(m.tx.session.execute(pointing(POINTED, [POINTED], [b.row.id], participant_ids)).all())


def _renew_in_rooms(m: MeetingScope, seats: Collection[Seat]) -> None:
    firsts: dict[str, datetime] = {}
    for seat in sorted(seats, key=lambda seat: seat.id):
        at = _next_try(m.now, seat.token_made_at)
        seat.token_wanted, seat.token_renew_at = True, at
        firsts[seat.room_id] = min(at, firsts.get(seat.room_id, at))
    m.tx.session.flush()
    now = [room_id for room_id, at in firsts.items() if at <= m.now]  # perhaps the meeting itself is closed
    m.tx.session.execute(update(Room).where(col(Room.id).in_(now)).values(to_check=True))
    _make_due(m, Room, firsts)


def _next_try(now: datetime, made_at: datetime | None) -> datetime:
    return now if made_at is None else max(now, made_at + ONE_TOKEN_IN)


def _make_due(m: MeetingScope, table: type[Due], times: Mapping[str, datetime]) -> None:
    """Send the tasks of rows that can make a token now, and make the others due. A holder finds the time by itself."""
    due.want(m.tx, table, [row_id for row_id, at in times.items() if at <= m.now])
    due.due_by(m.tx, table, {row_id: at for row_id, at in times.items() if at > m.now})
