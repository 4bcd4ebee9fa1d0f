"""People who leave a meeting for good: from one transaction on they are nobody of it any more.

What is stored of breakouts still names them. Only with `erase` something stands for them there.
"""

from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.errors import Unknown
from orchestrator.services.breakout.departing import end_seats, unfinished
from orchestrator.services.breakout.locked import MeetingScope, locked_for_meeting, locked_if_kept
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import erasing
from orchestrator.services.people import departed
from orchestrator.store.queries import lock_meeting
from orchestrator.store.versions import PEOPLE, count_change
from schemas.events import Topic
from schemas.problems import ProblemCode
from schemas.states import Location
from schemas.tables import Participant, Presence, UnregisteredPeer


def remove(deps: Deps, meeting_id: str, custom_participant_id: str, *, erase: bool) -> None:
    """Remove somebody for good. Raises Unknown for a meeting, and for a person who was never known there.

    1. End their seats where a breakout runs, and take them out of the meeting, in one transaction.
    2. Take them out of plans. The leftover's task does so too, in case this process dies before.
    3. With `erase`, put something else in place of their name wherever it is stored.
    """
    with locked_for_meeting(deps, meeting_id) as m:
        meeting = lock_meeting(m.tx, meeting_id)
        person = m.tx.session.scalar(
            select(Participant).where(
                col(Participant.meeting_id) == meeting_id,
                col(Participant.custom_participant_id) == custom_participant_id,
            )
        )
        if person is not None:
            count_change(meeting, PEOPLE)
            _leave(m, person)
        elif not departed.known(m.tx.session, meeting_id, [custom_participant_id]):
            words = f"meeting {meeting_id} has never had a participant {custom_participant_id!r}"
            raise Unknown(words, ProblemCode.UNKNOWN_PARTICIPANT)
    if person is not None:
        leave_plans(deps, meeting_id, person.id)
    if erase:
        erasing.erase(deps, meeting_id, custom_participant_id)


def leave_plans(deps: Deps, meeting_id: str, participant_id: str) -> None:
    """Take somebody who has left for good out of every breakout that has not ended.

    Each of them is locked before it is asked for them, because whoever deals it may have read them before they left.
    """
    with deps.database.reading() as session:
        breakout_ids = unfinished(session, meeting_id)
    for breakout_id in breakout_ids:
        with locked_if_kept(deps, breakout_id) as b:
            if b is not None:
                end_seats(b, participant_id)


def _leave(m: MeetingScope, person: Participant) -> None:
    """End their seat and their stays, and have them removed at RealtimeKit. Participants are locked last."""
    tx = m.tx
    if m.breakout is not None:
        end_seats(m.breakout, person.id)
    here = col(Presence.participant_id) == person.id, col(Presence.left_at).is_(None)
    tx.session.execute(update(Presence).where(*here).values(left_at=m.now, left_presumed=True))
    name = person.custom_participant_id
    _forget_connections(m, name)
    departed.want_removed(m, {person.id: name})
    m.people.change(
        person.id,
        meeting_id=None,
        former_meeting_id=m.meeting_id,
        token_number=person.token_number + 1,
        auth_token=None,
        token_wanted=False,
        token_renew_at=None,
        location=Location.AWAY,
        location_room_id=None,
    )
    m.people.raise_versions([person.id])
    tx.wake(Topic.MEETING.of(m.meeting_id))


def _forget_connections(m: MeetingScope, custom_participant_id: str) -> None:
    mine = col(UnregisteredPeer.meeting_id) == m.meeting_id
    who = col(UnregisteredPeer.custom_participant_id) == custom_participant_id
    for peer in m.tx.session.scalars(select(UnregisteredPeer).where(mine, who)).all():
        m.tx.session.delete(peer)
