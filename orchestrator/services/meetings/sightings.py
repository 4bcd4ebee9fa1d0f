"""What a poll shows: people's stays, the ends of stays that it does not show any more, and strangers."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import col

from orchestrator.realtimekit.records import PeerRecord
from orchestrator.services.breakout.locked import MeetingScope
from orchestrator.services.meetings.roll_call import Attendees, PolledMeeting
from orchestrator.services.people import departed, unregistered
from orchestrator.services.people.placing import CLOCKS_APART, Placing, places_of
from orchestrator.services.people.stays import Stay
from orchestrator.store.database import Transaction
from orchestrator.store.queries import Registered, registered
from schemas.tables import Meeting, Presence, UnregisteredPeer

Found = Mapping[PolledMeeting, Attendees]
Shown = Sequence[tuple[PolledMeeting, PeerRecord]]


def strangers(tx: Transaction, meeting_id: str, found: Found) -> dict[PolledMeeting, int]:
    """Return how many more people each meeting's session counts than there are of ours."""
    people = registered(tx.session, meeting_id)
    ours = {
        meeting: sum(peer.left_at is None and peer.custom_participant_id in people for peer in attendees.peers)
        for meeting, attendees in found.items()
    }
    return {meeting: attendees.live - ours[meeting] for meeting, attendees in found.items()}


def stays(m: MeetingScope, found: Found, asked_at: datetime) -> list[Stay]:
    """Return the stays that the poll shows, and the ends of those that it does not show any more."""
    if not found:
        return []
    people = registered(m.tx.session, m.meeting_id)
    shown = [
        (meeting, peer)
        for meeting, attendees in found.items()
        for peer in attendees.peers
        if peer.custom_participant_id in people
    ]
    before = [*_of_rounds_before(m, shown, people, asked_at), *_of_who_they_were(m, shown, people)]
    seen = [
        _stay(people[peer.custom_participant_id].id, meeting.room_id, peer, asked_at)
        for meeting, peer in shown
        if peer not in before
    ]
    asked = {meeting.room_id for meeting in found}
    return [*seen, *_gone(m, asked, asked_at, seen={(stay.room_id, stay.peer_id) for stay in seen})]


def note_unregistered(m: MeetingScope, found: Found, asked_at: datetime) -> None:
    """Store who is in the main meeting without being registered, and forget those who are not there any more."""
    peers = [peer for meeting, it in found.items() if meeting.room_id is None for peer in it.peers if not peer.left_at]
    if any(meeting.room_id is None for meeting in found):
        unregistered.forget_others(m, {peer.peer_id for peer in peers}, asked_at - _lag(m))
    people = registered(m.tx.session, m.meeting_id) if peers else {}
    others = [peer for peer in peers if peer.custom_participant_id not in people]
    gone = departed.known(m.tx.session, m.meeting_id, {peer.custom_participant_id for peer in others})
    if gone:
        places = [place.realtimekit_meeting_id for place in found if place.room_id is None]
        departed.want_removed(m, {row_id: name for name, row_id in gone.items()}, places)
    unknown = [_unregistered(m, peer, asked_at) for peer in others if peer.custom_participant_id not in gone]
    unregistered.note(m, unregistered.not_stored(m, unknown))


def _of_rounds_before(
    m: MeetingScope, shown: Shown, people: Mapping[str, Registered], asked_at: datetime
) -> list[PeerRecord]:
    """Return the stays that ended before this round began, or soon after, and are of a round before.

    The rounds of a series share child meetings, and their clock is RealtimeKit's. Who is there now is in this round.
    """
    over = [(place, peer) for place, peer in shown if place.room_id and _may_be_of_round_before(m, peer)]
    if not over:
        return []
    meeting = m.tx.session.get_one(Meeting, m.meeting_id)
    places = places_of(m.tx.session, meeting, {place.realtimekit_meeting_id for place, _ in over})
    placed = Placing(m.tx.session, places, {people[peer.custom_participant_id].id for _, peer in over})
    stays = [
        (place, peer, _stay(people[peer.custom_participant_id].id, None, peer, peer.left_at or asked_at))
        for place, peer in over
        if placed.has(place.realtimekit_meeting_id)  # else its room has lost this meeting while it was asked about
    ]
    return [
        peer
        for place, peer, stay in stays
        if placed.in_its_room(stay, place.realtimekit_meeting_id, asked_at).room_id != place.room_id
    ]


def _may_be_of_round_before(m: MeetingScope, peer: PeerRecord) -> bool:
    row = m.breakout.row if m.breakout else None
    began_at = row.starts_at if row and row.series_id else None
    return began_at is not None and peer.left_at is not None and peer.left_at < began_at + CLOCKS_APART


def _of_who_they_were(m: MeetingScope, shown: Shown, people: Mapping[str, Registered]) -> list[PeerRecord]:
    """Return the stays in rooms, of people who left for good and were registered anew, that ended before that."""
    old = [
        peer
        for meeting, peer in shown
        if meeting.room_id and peer.left_at and peer.left_at < people[peer.custom_participant_id].since
    ]
    gone = departed.known(m.tx.session, m.meeting_id, {peer.custom_participant_id for peer in old})
    return [peer for peer in old if peer.custom_participant_id in gone]


def _unregistered(m: MeetingScope, peer: PeerRecord, asked_at: datetime) -> UnregisteredPeer:
    return UnregisteredPeer(
        meeting_id=m.meeting_id,
        peer_id=peer.peer_id,
        custom_participant_id=peer.custom_participant_id,
        realtimekit_participant_id=None,
        name=peer.display_name,
        joined_at=peer.joined_at or asked_at,
    )


def _lag(m: MeetingScope) -> timedelta:
    """Return how far RealtimeKit's lists may lag behind its webhooks."""
    return timedelta(seconds=m.deps.settings.search_settle_seconds)


def _stay(participant_id: str, room_id: str | None, peer: PeerRecord, asked_at: datetime) -> Stay:
    there = peer.left_at is None
    return Stay(participant_id, room_id, peer.peer_id, None, peer.joined_at or asked_at, peer.left_at, polled=there)


def _gone(
    m: MeetingScope, asked: set[str | None], asked_at: datetime, *, seen: set[tuple[str | None, str | None]]
) -> list[Stay]:
    """Return the ends of stays in the polled places that the poll does not show.

    Young stays do not count, because RealtimeKit's list may lag a little behind its webhooks.
    """
    statement = select(Presence).where(
        col(Presence.meeting_id) == m.meeting_id,
        col(Presence.left_at).is_(None),
        col(Presence.joined_at) < asked_at - _lag(m),
    )
    return [
        Stay(it.participant_id, it.room_id, it.peer_id, it.session_id, it.joined_at, asked_at, polled=True)
        for it in m.tx.session.scalars(statement)
        if it.room_id in asked and (it.room_id, it.peer_id) not in seen
    ]
