"""Every stay of a device in a room, as RealtimeKit tells it, for attendance.

Presence keeps only where a device is now, or was last. A device that comes back is a stay of its own here, whatever
order and number the news of it come in. Nothing is concluded here: an end that was not told is left open.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import col

from orchestrator.services.people.stays import Stay
from orchestrator.store.database import Transaction
from schemas.tables import Visit

SAME = timedelta(seconds=1)
"""Two reports of when a device joined that differ by less are about one stay: lists round otherwise than webhooks."""


def keep(tx: Transaction, stays: Sequence[Stay]) -> None:
    """Keep what RealtimeKit tells of stays in rooms."""
    told = [stay for stay in stays if stay.room_id is not None and stay.peer_id is not None and not _is_guess(stay)]
    if not told:
        return
    known = _known(tx, told)
    for stay in told:
        visits = known[stay.room_id, stay.peer_id]
        found = same(visits, stay)
        if found is None:
            found = Visit(
                room_id=stay.room_id or "",
                participant_id=stay.participant_id,
                peer_id=stay.peer_id or "",
                joined_at=stay.joined_at,
            )
            tx.session.add(found)
            visits.append(found)
        if stay.left_at is not None:
            found.left_at = max(found.left_at or stay.left_at, stay.left_at)


def ended(tx: Transaction, room_ids: Collection[str], peer_ids: Collection[str]) -> set[str]:
    """Return those of these devices of which it was told that they have left one of these rooms."""
    if not peer_ids:
        return set()
    told = col(Visit.room_id).in_(room_ids), col(Visit.peer_id).in_(peer_ids), col(Visit.left_at).is_not(None)
    return set(tx.session.scalars(select(col(Visit.peer_id)).where(*told)))


def same(visits: Sequence[Visit], stay: Stay) -> Visit | None:
    """Return the visit that a report is about.

    A poll, and a departure without a time of joining, are about one that is open, because they do not tell when it
    began.
    """
    same = next((visit for visit in visits if abs(visit.joined_at - stay.joined_at) < SAME), None)
    if same is None and (stay.polled or stay.joined_at == stay.left_at):
        return max((visit for visit in visits if visit.left_at is None), key=_joined_at, default=None)
    return same


def _is_guess(stay: Stay) -> bool:
    """Return whether a poll has only concluded that somebody has left."""
    return stay.polled and stay.left_at is not None


def _known(tx: Transaction, told: Sequence[Stay]) -> defaultdict[tuple[str | None, str | None], list[Visit]]:
    rooms, peers = {stay.room_id for stay in told}, {stay.peer_id for stay in told}
    statement = select(Visit).where(col(Visit.room_id).in_(rooms), col(Visit.peer_id).in_(peers))
    found: defaultdict[tuple[str | None, str | None], list[Visit]] = defaultdict(list)
    for visit in tx.session.scalars(statement):
        found[visit.room_id, visit.peer_id].append(visit)
    return found


def _joined_at(visit: Visit) -> datetime:
    return visit.joined_at
