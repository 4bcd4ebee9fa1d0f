"""Tokens for the parent meeting: the people who need one, and the outcome of asking RealtimeKit for it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlmodel import Session, col

from orchestrator.domain.timing import earliest, refused_pause
from orchestrator.errors import RealtimeKitError, Refused
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import ParticipantRecord
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.locked import MeetingScope
from orchestrator.services.passes.admission import Guest, Outcome, preset_of, stays_in_doubt
from schemas.events import ProblemKind
from schemas.states import BreakoutState
from schemas.tables import Breakout, Meeting, Participant, Seat

MOST_REFUSALS = 8
"""After this many refusals a token is asked for again only when a browser wants it, or while a breakout is open."""
BATCH_TOKENS = 200
"""Tokens made in one pass, because a pass must end well before its task's deadline."""


def guests(session: Session, meeting: Meeting, breakout: Breakout | None, now: datetime) -> list[Guest]:
    """Return people without a token for main whose browser asked for one, or who will have to come back.

    A person whom RealtimeKit has refused waits until `token_again_at`: a call in each pass would use up the quota.
    """
    wanted: ColumnElement[bool] = col(Participant.token_wanted).is_(True)
    if breakout is not None and breakout.state is not BreakoutState.OPENING:
        seated = select(col(Seat.participant_id)).where(
            col(Seat.breakout_id) == breakout.id, col(Seat.wanted), col(Seat.error).is_(None)
        )
        wanted = wanted | col(Participant.id).in_(seated)
    again_at = col(Participant.token_again_at)
    statement = select(Participant).where(
        col(Participant.meeting_id) == meeting.id,
        col(Participant.auth_token).is_(None),
        wanted,
        or_(again_at.is_(None), again_at <= now),
    )
    people = session.scalars(statement.order_by(col(Participant.token_wanted).desc()).limit(BATCH_TOKENS))
    return [_guest(person, meeting, breakout) for person in people]


def _guest(person: Participant, meeting: Meeting, breakout: Breakout | None) -> Guest:
    return Guest(
        row_id=person.id,
        custom_participant_id=person.custom_participant_id,
        name=person.name,
        preset_name=preset_of(meeting, person),
        in_doubt=person.in_doubt,
        realtimekit_participant_id=person.realtimekit_participant_id,
        priority=_priority(person, breakout),
    )


def _priority(person: Participant, breakout: Breakout | None) -> Priority:
    """Return how urgent a token is: while the breakout closes nobody can come home without one."""
    if breakout is not None and breakout.state is BreakoutState.CLOSING:
        return Priority.CLOSING
    return Priority.MOVING if person.token_wanted else Priority.POLLING


def record(
    m: MeetingScope, asked: Sequence[Guest], outcomes: Mapping[str, Outcome], error: RealtimeKitError | None
) -> int:
    """Keep the tokens, and report refusals. Returns how many were made.

    When RealtimeKit has refused to list the participants, no token was asked for. Browsers may ask for theirs again.
    """
    if isinstance(error, Refused):
        for guest in asked:
            m.people.change(guest.row_id, token_wanted=False)
    doubted = {guest.row_id for guest in asked if guest.in_doubt}
    people = (
        m.tx.session.scalars(select(Participant).where(col(Participant.id).in_(outcomes))).all() if outcomes else ()
    )
    for person in people:
        _record_one(m, person, outcomes[person.id], in_doubt=person.id in doubted)
    made = [row_id for row_id, outcome in outcomes.items() if isinstance(outcome, ParticipantRecord)]
    if made:
        m.people.raise_versions(made)
    if m.breakout is not None:
        _report_refused(m.breakout, people, outcomes)
    return len(made)


def _record_one(m: MeetingScope, person: Participant, outcome: Outcome, *, in_doubt: bool) -> None:
    """Keep one token. A person who was refused gets another try after a pause."""
    if isinstance(outcome, ParticipantRecord):
        m.people.change(
            person.id,
            realtimekit_participant_id=outcome.id,
            auth_token=m.deps.vault.seal(outcome.token or ""),
            token_wanted=False,
            token_refusals=0,
            token_again_at=None,
        )
    elif isinstance(outcome, Refused):
        refusals = person.token_refusals + 1
        again_at = m.now + refused_pause(refusals)
        m.people.change(
            person.id, token_refusals=refusals, token_again_at=again_at, token_wanted=refusals < MOST_REFUSALS
        )
    else:
        m.people.change(person.id, token_wanted=True)
    m.people.change(person.id, in_doubt=stays_in_doubt(outcome, before=in_doubt))


def _report_refused(b: LockedBreakout, people: Sequence[Participant], outcomes: Mapping[str, Outcome]) -> None:
    """Report the first refusal of each person, because without a token for main they can't come home."""
    for person in people:
        outcome = outcomes[person.id]
        if isinstance(outcome, Refused) and person.token_refusals == 0:
            detail = f"the main meeting: {outcome.message}"
            b.report(ProblemKind.PARTICIPANT_REFUSED, detail, custom_participant_id=person.custom_participant_id)


def first_to_ask_again(m: MeetingScope, meeting_id: str) -> datetime | None:
    """Return when the first token that RealtimeKit has refused may be asked for again."""
    changed = m.people.changed("token_again_at")
    waiting = col(Participant.token_wanted), col(Participant.auth_token).is_(None)
    again_at = select(func.min(col(Participant.token_again_at))).where(col(Participant.meeting_id) == meeting_id)
    stored = m.tx.session.scalar(again_at.where(*waiting, col(Participant.id).not_in(changed)))
    wanted = m.people.changed("token_wanted")
    return earliest(stored, *(at for row_id, at in changed.items() if wanted.get(row_id)))
