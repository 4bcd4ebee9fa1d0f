"""Stays of people in the parent meeting and in rooms, merged into what is stored of them.

Reports of a stay may come in any order and any number of times. A batch of them costs one statement to read and one to
write, however many people there are.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, or_, select
from sqlmodel import col

from orchestrator.store.database import Transaction
from schemas.columns import new_id
from schemas.tables import Presence

ACK = "ack:"
"""Begins the peer id of a stay that only the person's own browser has reported."""


@dataclass(frozen=True)
class Stay:
    """One peer of a person in the parent meeting (`room_id` None) or a room; `left_at` None: still there."""

    participant_id: str
    room_id: str | None
    peer_id: str | None
    """None: the person's browser reports the stay, or their caller, and does not know the peer."""
    session_id: str | None
    joined_at: datetime
    left_at: datetime | None = None
    polled: bool = False
    """Whether a poll reported it. A poll shows who is there, and can only presume that somebody has left."""
    by_browser: bool = False
    """Whether the person's own browser reported it, and not RealtimeKit."""


def merge(tx: Transaction, meeting_id: str, stays: Sequence[Stay]) -> None:
    """Merge stays in their order. All that is stored of their peers and people is read at once."""
    known = _Known(tx, meeting_id, stays)
    for stay in stays:
        presence = known.find(stay)
        if presence is None:
            known.add(stay)
        elif stay.peer_id is None:
            continue  # RealtimeKit, or an earlier ack, has reported it already
        elif stay.left_at is None:
            _merge_arriving(presence, stay)
        else:
            _merge_leaving(presence, stay, stay.left_at)
    tx.session.flush()


class _Known:
    """What is stored of some peers, and of all that their people have open."""

    def __init__(self, tx: Transaction, meeting_id: str, stays: Sequence[Stay]) -> None:
        self._session = tx.session
        self._meeting_id = meeting_id
        self._by_peer: dict[tuple[str | None, str], Presence] = {}
        self._of_person: defaultdict[str, list[Presence]] = defaultdict(list)
        whose = {stay.participant_id for stay in stays}
        peers = {stay.peer_id for stay in stays if stay.peer_id is not None}
        is_open = col(Presence.participant_id).in_(whose) & col(Presence.left_at).is_(None)
        statement = select(Presence).where(
            col(Presence.meeting_id) == meeting_id, or_(is_open, col(Presence.peer_id).in_(peers))
        )
        for presence in tx.session.scalars(statement):
            self._note(presence)

    def find(self, stay: Stay) -> Presence | None:
        """Return the peer's presence in that place; for a stay without a peer, one that is open there."""
        if stay.peer_id is not None:
            return self._by_peer.get((stay.room_id, stay.peer_id))
        is_there = (it for it in self._of_person[stay.participant_id] if it.room_id == stay.room_id)
        return next((it for it in is_there if it.left_at is None), None)

    def add(self, stay: Stay) -> None:
        """Add a presence that was not known. It replaces those that only the person's browser has reported."""
        self._end_acked(stay)
        presence = Presence(
            meeting_id=self._meeting_id,
            participant_id=stay.participant_id,
            room_id=stay.room_id,
            session_id=stay.session_id,
            peer_id=stay.peer_id or f"{ACK}{new_id()}",
            joined_at=stay.joined_at,
            left_at=stay.left_at,
        )
        self._session.add(presence)
        self._note(presence)

    def _note(self, presence: Presence) -> None:
        self._by_peer[presence.room_id, presence.peer_id] = presence
        self._of_person[presence.participant_id].append(presence)

    def _end_acked(self, stay: Stay) -> None:
        for it in self._of_person[stay.participant_id]:
            replaced = it.room_id == stay.room_id or it.joined_at <= stay.joined_at
            if it.left_at is None and it.peer_id.startswith(ACK) and replaced:
                it.left_at = max(stay.joined_at, it.joined_at)


def _merge_arriving(presence: Presence, stay: Stay) -> None:
    """Merge an arrival. What the peer did last counts, so late news of an older stay does not bring it back."""
    if presence.left_at is None:
        presence.joined_at = max(presence.joined_at, stay.joined_at)
    elif stay.joined_at > presence.left_at or (stay.polled and presence.left_presumed):
        presence.joined_at, presence.left_at, presence.left_presumed = stay.joined_at, None, False
    else:
        presence.joined_at = min(presence.joined_at, stay.joined_at)


def _merge_leaving(presence: Presence, stay: Stay, left_at: datetime) -> None:
    """Merge a departure. A presumed one changes nothing that is known; an older one does not end a newer stay."""
    if left_at < presence.joined_at or (stay.polled and presence.left_at is not None):
        return
    known = None if presence.left_presumed else presence.left_at
    presence.left_at = max(known or left_at, left_at)
    presence.left_presumed = stay.polled


def end(tx: Transaction, which: Select[Presence], now: datetime) -> set[str]:
    """End these stays, and return the ids of their people."""
    found = tx.session.scalars(which).all()
    for presence in found:
        presence.left_at = max(now, presence.joined_at)
    tx.session.flush()
    return {presence.participant_id for presence in found}
