"""Tokens for the parent meeting: the people who need one, and the outcome of asking RealtimeKit for it.

A token is made for who has none and needs one, and in time before the one that somebody has ends. Whoever has another
name or preset at RealtimeKit than here gets a token too, because their record is edited.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, func, or_, select
from sqlmodel import Session, col

from orchestrator.domain.preset_names import preset_of
from orchestrator.domain.timing import earliest, refused_pause
from orchestrator.domain.tokens import again_at, has_good_token
from orchestrator.errors import RealtimeKitError, Refused
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.locked import MeetingScope
from orchestrator.services.passes.admission import Guest, Outcome, differs, stays_in_doubt
from orchestrator.services.passes.keeping import Kept, as_sent
from orchestrator.store.database import execute
from schemas.columns import UtcDateTime
from schemas.events import ProblemKind
from schemas.states import BreakoutState, Location
from schemas.tables import Breakout, Meeting, Participant, Seat

MOST_REFUSALS = 8
"""After this many refusals a token is asked for again only when a browser wants it, or while a breakout is open."""
BATCH_TOKENS = 200
"""Tokens made in one pass, because a pass must end well before its task's deadline."""
BATCH_RENEWALS = 50
"""Of these, the most for people who have a good token: who waits for the polls after them must not wait long."""

Error = RealtimeKitError | None


def guests(session: Session, meeting: Meeting, breakout: Breakout | None, now: datetime) -> list[Guest]:
    """Return people whose browser asked for a token, whose token ends, who have to come back, or who changed.

    A person whom RealtimeKit has refused waits until `token_again_at`: a call in each pass would use up the quota.
    While the breakout closes, people who have a good token wait too.
    """
    away = breakout is not None and breakout.state is not BreakoutState.OPENING
    closing = breakout is not None and breakout.state is BreakoutState.CLOSING
    values = {"meeting": meeting.id, "breakout": breakout.id if breakout else None, "now": now}
    people = session.scalars(_asking(away=away, closing=closing), values).all()
    found = [_guest(person, meeting, breakout, now) for person in people]
    waited_for = [guest for guest in found if not guest.has_token]
    return waited_for + [guest for guest in found if guest.has_token][:BATCH_RENEWALS]


@cache
def _asking(*, away: bool, closing: bool) -> Select[Participant]:
    """Select the people of a `meeting` who need a token `now`.

    While people are `away`, whoever is in a room of the `breakout`, or is told to go there, has to come back.
    """
    now = bindparam("now", type_=UtcDateTime())
    lacks = or_(col(Participant.auth_token).is_(None), col(Participant.token_good_until) <= now)
    ends = col(Participant.token_renew_at) <= now
    asked: ColumnElement[bool] = col(Participant.token_wanted).is_(True)
    seated = select(col(Seat.participant_id)).where(
        col(Seat.breakout_id) == bindparam("breakout"), col(Seat.wanted), col(Seat.error).is_(None)
    )
    needed = and_(or_(lacks, ends), or_(asked, col(Participant.id).in_(seated)) if away else asked)
    in_time = or_(and_(ends, col(Participant.location) != Location.AWAY), differs(Participant))
    again_at = col(Participant.token_again_at)
    order = case((lacks, 0), else_=1), col(Participant.token_wanted).desc()
    statement = select(Participant).join(Meeting, col(Meeting.id) == col(Participant.meeting_id))
    return (
        statement.where(
            col(Participant.meeting_id) == bindparam("meeting"),
            and_(needed, or_(lacks, asked)) if closing else or_(needed, in_time),
            or_(again_at.is_(None), again_at <= now),
        )
        .order_by(*order)
        .limit(BATCH_TOKENS)
    )


def _guest(person: Participant, meeting: Meeting, breakout: Breakout | None, now: datetime) -> Guest:
    has_token = has_good_token(person, now)
    return Guest(
        row_id=person.id,
        custom_participant_id=person.custom_participant_id,
        name=person.name,
        preset_name=preset_of(meeting, person.role, person.preset_name),
        in_doubt=person.in_doubt,
        realtimekit_participant_id=person.realtimekit_participant_id,
        name_at_realtimekit=person.name_at_realtimekit,
        preset_at_realtimekit=person.preset_at_realtimekit,
        priority=_priority(person, breakout, has_token=has_token),
        has_token=has_token,
    )


def _priority(person: Participant, breakout: Breakout | None, *, has_token: bool) -> Priority:
    """Return how urgent a token is: while the breakout closes nobody can come home without one."""
    if has_token:
        return Priority.MOVING if person.token_wanted else Priority.PREPARING
    if breakout is not None and breakout.state is BreakoutState.CLOSING:
        return Priority.CLOSING
    return Priority.MOVING if person.token_wanted else Priority.POLLING


def record(
    m: MeetingScope, asked: Sequence[Guest], kept: Mapping[str, Kept], outcomes: Mapping[str, Outcome], error: Error
) -> int:
    """Keep the tokens, and report refusals. Returns how many were made.

    When RealtimeKit has refused to list the participants, no token was asked for. Browsers may ask for theirs again.
    """
    if isinstance(error, Refused):
        for guest in asked:
            m.people.change(guest.row_id, token_wanted=False)
    statement = select(Participant).where(col(Participant.id).in_(outcomes))
    people = {person.id: person for person in (m.tx.session.scalars(statement) if outcomes else ())}
    for guest in asked:
        if guest.row_id in people:
            _record_one(m, people[guest.row_id], guest, kept.get(guest.row_id), outcomes[guest.row_id])
    if kept:
        m.people.raise_versions(kept)
    if m.breakout is not None:
        _report_refused(m.breakout, people.values(), outcomes)
    return len(kept)


def _record_one(m: MeetingScope, person: Participant, guest: Guest, kept: Kept | None, outcome: Outcome) -> None:
    """Keep one token. A person who was refused, or whose token could not be renewed, gets another try after a pause."""
    if kept is not None:
        m.people.change(person.id, **kept.columns(m.now), token_refusals=0, token_again_at=None)
    elif isinstance(outcome, Refused):
        refusals = person.token_refusals + 1
        pause_until = m.now + refused_pause(refusals)
        is_wanted = refusals < MOST_REFUSALS and not guest.has_token
        m.people.change(
            person.id, **as_sent(guest), token_refusals=refusals, token_again_at=pause_until, token_wanted=is_wanted
        )
    elif not guest.has_token:
        m.people.change(person.id, token_wanted=True)
    if kept is None and guest.has_token:
        m.people.change(person.id, token_renew_at=again_at(m.now, person.token_good_until))
    m.people.change(person.id, in_doubt=stays_in_doubt(outcome, before=guest.in_doubt))


def _report_refused(b: LockedBreakout, people: Iterable[Participant], outcomes: Mapping[str, Outcome]) -> None:
    """Report the first refusal of each person, because without a token for main they can't come home."""
    for person in people:
        outcome = outcomes[person.id]
        if isinstance(outcome, Refused) and person.token_refusals == 0:
            detail = f"the main meeting: {outcome.message}"
            b.report(ProblemKind.PARTICIPANT_REFUSED, detail, custom_participant_id=person.custom_participant_id)


_OTHERS = col(Participant.meeting_id) == bindparam("of"), col(Participant.id).not_in(bindparam("but"))
_NEXT_AGAIN = select(func.min(col(Participant.token_again_at))).where(*_OTHERS, col(Participant.token_wanted))
_NEXT_RENEWAL = select(func.min(col(Participant.token_renew_at))).where(
    *_OTHERS, col(Participant.token_renew_at) > bindparam("now")
)


def next_token(m: MeetingScope, meeting_id: str) -> datetime | None:
    """Return when the next token ends, or may be asked for again after a refusal."""
    changed = m.people.changed("token_again_at")
    wanted = m.people.changed("token_wanted")
    renewed = m.people.changed("token_renew_at")
    return earliest(
        execute(m.tx.session, _NEXT_AGAIN, {"of": meeting_id, "but": list(changed)}).scalar(),
        execute(m.tx.session, _NEXT_RENEWAL, {"of": meeting_id, "now": m.now, "but": list(renewed)}).scalar(),
        *(at for row_id, at in changed.items() if wanted.get(row_id)),
        *renewed.values(),
    )
