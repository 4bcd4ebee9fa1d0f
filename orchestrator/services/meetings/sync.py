"""The task of a parent meeting: import its people, make the tokens that are wanted, and ask who is where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlmodel import col

from orchestrator.domain.timing import LAST_REFUSED_SECONDS, earliest, refused_pause
from orchestrator.domain.wording import count
from orchestrator.errors import NotFound, RealtimeKitError, Refused
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import ParticipantRecord, PeerRecord
from orchestrator.services.breakout.moves import report_problem
from orchestrator.services.deps import Deps
from orchestrator.services.meetings.polling import (
    live_breakout,
    next_poll,
    places_to_poll,
    polled,
    report_lateness,
    turns,
)
from orchestrator.services.meetings.roll_call import Place, Roll, Seen, Turns, call_roll
from orchestrator.services.passes.admission import (
    Guest,
    Outcome,
    admit_all,
    first_to_retry,
    preset_of,
    stays_in_doubt,
    without_names,
)
from orchestrator.services.passes.leased import release_for_retry, start_pass
from orchestrator.services.people import presence
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.queries import lock_breakout_of, raise_versions
from schemas.states import BreakoutState, Role
from schemas.tables import Breakout, Meeting, Participant, Presence, Seat

REFUSED_AGAIN = timedelta(seconds=LAST_REFUSED_SECONDS)
"""When to try once more what RealtimeKit has refused."""
MOST_REFUSALS = 8
"""From then on somebody is asked for again only when their browser wants it, or as long as a breakout is open."""
BATCH = 200
"""Tokens made in one pass: a pass must end well before its task's deadline."""


@dataclass(frozen=True)
class SyncWork:
    """A parent meeting as it stood when the pass began."""

    meeting_id: str
    realtimekit_meeting_id: str
    to_import: bool
    guests: list[Guest]
    to_poll: list[Place]
    turns: Turns
    """How many of these may be asked about."""
    poll_priority: Priority
    now: datetime


@dataclass
class Answers:
    """What the calls gave; an error that is worth another try does not hide what worked."""

    imported: list[ParticipantRecord] | None = None
    tokens: dict[str, Outcome] = field(default_factory=dict)
    roll: Roll = field(default_factory=Roll)
    error: RealtimeKitError | None = None

    @property
    def got_on(self) -> bool:
        """Whether anything came of it, or nothing stood in the way."""
        made = any(isinstance(one, ParticipantRecord) for one in self.tokens.values())
        return self.error is None or made or bool(self.roll.seen)


def sync(deps: Deps, meeting_id: str, claim: int) -> str:
    """One pass; what could not be done is done by a later one."""
    with start_pass(deps, Meeting, meeting_id, claim, partial(_read_all, deps)) as begun:
        if begun is None:
            return "nothing to do"
        lease, work = begun
        _mark_doubts(deps, lease.claim, work)
        answers = deps.realtimekit.run(_ask(deps.realtimekit, work), lease.before_call)
        return _store(deps, lease.claim, work, answers)


def _read_all(deps: Deps, tx: Transaction, meeting_ids: Sequence[str]) -> dict[str, SyncWork]:
    return {meeting_id: _read(deps, tx, meeting_id) for meeting_id in meeting_ids}


def _read(deps: Deps, tx: Transaction, meeting_id: str) -> SyncWork:
    meeting = tx.session.get_one(Meeting, meeting_id)
    breakout = live_breakout(tx, meeting_id)
    now = tx.now()
    people = _tokenless(tx, meeting, breakout, now)
    is_time = meeting.poll_at is not None and meeting.poll_at <= now
    to_poll = places_to_poll(tx, meeting, breakout) if breakout and is_time else []
    return SyncWork(
        meeting_id=meeting_id,
        realtimekit_meeting_id=meeting.realtimekit_meeting_id,
        to_import=meeting.to_import,
        guests=[_guest(person, meeting, breakout) for person in people],
        to_poll=to_poll,
        turns=turns(deps, tx, meeting, breakout, to_poll) if breakout else Turns(0, 0),
        poll_priority=Priority.CLOSING if breakout and breakout.emptied_at else Priority.POLLING,
        now=now,
    )


def _mark_doubts(deps: Deps, claim: due.Claim, work: SyncWork) -> None:
    """Who is about to be added may be there without our knowing, should the answer be lost.

    Not with the start of the pass: whoever locks several people holds the breakout, or two wait in a circle.
    """
    new = [guest.row_id for guest in work.guests if guest.realtimekit_participant_id is None]
    if not new:
        return
    with deps.database.transaction() as tx:
        lock_breakout_of(tx, work.meeting_id)
        due.record(tx, claim, progress=False)
        tx.session.execute(update(Participant).where(col(Participant.id).in_(new)).values(in_doubt=True))


def _tokenless(tx: Transaction, meeting: Meeting, breakout: Breakout | None, now: datetime) -> Sequence[Participant]:
    """Whose browser asked for a token for main; while a breakout is open also those who will have to come back.

    Whom RealtimeKit has refused rests for a while: asked for in each pass, they would use up the quota of all.
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
    return tx.session.scalars(statement.order_by(col(Participant.token_wanted).desc()).limit(BATCH)).all()


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
    """Whoever has no token while the breakout closes can't come home without one."""
    if breakout is not None and breakout.state is BreakoutState.CLOSING:
        return Priority.CLOSING
    return Priority.MOVING if person.token_wanted else Priority.POLLING


async def _ask(kit: RealtimeKit, work: SyncWork) -> Answers:
    """Import, make tokens, poll; each as far as it gets."""
    answers = Answers()
    try:
        if work.to_import:
            answers.imported = await kit.participants(work.realtimekit_meeting_id)
        if work.guests:
            answers.tokens = await admit_all(kit, work.realtimekit_meeting_id, work.guests)
            answers.error = first_to_retry(answers.tokens.values())
    except RealtimeKitError as error:
        answers.error = error
        return answers
    if work.to_poll:
        answers.roll = await call_roll(kit, work.to_poll, work.turns, work.poll_priority)
        answers.error = answers.error or answers.roll.error
    return answers


def _store(deps: Deps, claim: due.Claim, work: SyncWork, answers: Answers) -> str:
    with deps.database.transaction() as tx:
        breakout = lock_breakout_of(tx, work.meeting_id)
        due.record(tx, claim, progress=answers.got_on)
        meeting = tx.session.get_one(Meeting, work.meeting_id, populate_existing=True)
        if breakout is not None and work.to_poll:
            polled(tx, meeting, _strangers(tx, work, answers.roll.seen), work.now)
            report_lateness(tx, meeting, breakout, work.to_poll, work.now)
        presence.apply(deps, tx, breakout, work.meeting_id, _stays(deps, tx, work, answers.roll.seen))
        if answers.imported is not None:
            _import(tx, meeting, answers.imported)
        elif isinstance(answers.error, NotFound):
            meeting.to_import = False  # it is not there any more
        if isinstance(answers.error, Refused):
            _let_them_ask_again(tx, work)
        made = _store_tokens(deps, tx, work, answers.tokens)
        if breakout is not None:
            _report_refused(tx, breakout, answers.tokens)
        now = tx.now()
        live = live_breakout(tx, meeting.id)
        if meeting.poll_at is None or meeting.poll_at <= now or live is None:
            meeting.poll_at = next_poll(deps, tx, meeting, live, now)
        if answers.error is None or isinstance(answers.error, Refused):
            due.release(tx, claim, due_at=_next_pass(tx, meeting, work, answers, made))
        else:
            release_for_retry(tx, claim, answers.error)
        return _in_words(work, answers, made)


def _next_pass(tx: Transaction, meeting: Meeting, work: SyncWork, answers: Answers, made: int) -> datetime | None:
    """When there is something to do again, after a pass whose outcome is final for now."""
    if answers.error is not None:
        later = tx.now() + REFUSED_AGAIN if meeting.to_import or work.guests else None
        return earliest(meeting.poll_at, later)
    if made and len(work.guests) == BATCH:
        return tx.now()
    return earliest(meeting.poll_at, _first_to_ask_again(tx, meeting.id))


def _in_words(work: SyncWork, answers: Answers, made: int) -> str:
    words = [f"{count(made, 'token')} made"] if made else []
    if answers.imported is not None:
        words.append(f"{count(len(answers.imported), 'participant')} imported")
    if answers.roll.seen:
        words.append(f"{len(answers.roll.seen)} of {count(len(work.to_poll), 'meeting')} asked")
    if answers.error:
        fate = "refused" if isinstance(answers.error, Refused) else "will try again"
        words.append(f"{fate}: {without_names(answers.error.message, work.guests)}")
    return ", ".join(words) or "nothing to do yet"


def _import(tx: Transaction, meeting: Meeting, records: list[ParticipantRecord]) -> None:
    """Take over the participants that an adopted meeting has; what the caller said of them stays."""
    meeting.to_import = False
    statement = select(Participant).where(col(Participant.meeting_id) == meeting.id)
    known = {person.custom_participant_id: person for person in tx.session.scalars(statement)}
    now = tx.now()
    for record in records:
        if not record.custom_participant_id:
            continue
        person = known.get(record.custom_participant_id)
        if person is None:
            person = known[record.custom_participant_id] = _imported(meeting, record, now)
            tx.session.add(person)
        person.realtimekit_participant_id = person.realtimekit_participant_id or record.id


def _imported(meeting: Meeting, record: ParticipantRecord, now: datetime) -> Participant:
    return Participant(
        meeting_id=meeting.id,
        custom_participant_id=record.custom_participant_id,
        name=record.name or record.custom_participant_id,
        role=Role.HOST if record.preset_name == meeting.host_preset else Role.PARTICIPANT,
        preset_name=record.preset_name or None,
        created_at=now,
    )


def _store_tokens(deps: Deps, tx: Transaction, work: SyncWork, tokens: dict[str, Outcome]) -> int:
    """Keep the tokens; who was refused one gets another try after a pause."""
    made, now = [], tx.now()
    doubted = {guest.row_id for guest in work.guests if guest.in_doubt}
    for person in tx.session.scalars(select(Participant).where(col(Participant.id).in_(tokens))):
        outcome = tokens[person.id]
        if isinstance(outcome, ParticipantRecord):
            person.realtimekit_participant_id = outcome.id
            person.auth_token = deps.vault.seal(outcome.token or "")
            person.token_wanted, person.token_refusals, person.token_again_at = False, 0, None
            made.append(person.id)
        elif isinstance(outcome, Refused):
            person.token_refusals += 1
            person.token_again_at = now + refused_pause(person.token_refusals)
            person.token_wanted = person.token_refusals < MOST_REFUSALS
        else:
            person.token_wanted = True
        person.in_doubt = stays_in_doubt(outcome, before=person.id in doubted)
    if made:
        raise_versions(tx, work.meeting_id, made)
    return len(made)


def _report_refused(tx: Transaction, breakout: Breakout, tokens: Mapping[str, Outcome]) -> None:
    """Once for each person: without a token for main they can't come home."""
    refused = {row_id: outcome for row_id, outcome in tokens.items() if isinstance(outcome, Refused)}
    first = col(Participant.id).in_(refused), col(Participant.token_refusals) == 1
    for person in tx.session.scalars(select(Participant).where(*first)) if refused else ():
        report_problem(
            tx,
            breakout,
            tx.now(),
            what="participant refused",
            detail=f"the main meeting: {refused[person.id].message}",
            custom_participant_id=person.custom_participant_id,
        )


def _first_to_ask_again(tx: Transaction, meeting_id: str) -> datetime | None:
    """When the first of those is asked for again whom RealtimeKit has refused a token."""
    waiting = col(Participant.token_wanted), col(Participant.auth_token).is_(None)
    again_at = select(func.min(col(Participant.token_again_at))).where(col(Participant.meeting_id) == meeting_id)
    return tx.session.scalar(again_at.where(*waiting))


def _let_them_ask_again(tx: Transaction, work: SyncWork) -> None:
    """RealtimeKit does not tell who is there, and nobody was asked about: their browsers may, until it does."""
    theirs = col(Participant.id).in_([guest.row_id for guest in work.guests])
    tx.session.execute(update(Participant).where(theirs).values(token_wanted=False))


def _strangers(tx: Transaction, work: SyncWork, seen: Mapping[Place, Seen]) -> dict[Place, int]:
    """How many more each place's session counts than there are of our people."""
    ids = _ids(tx, work.meeting_id)
    ours = {
        place: sum(peer.left_at is None and peer.custom_participant_id in ids for peer in found.peers)
        for place, found in seen.items()
    }
    return {place: found.live - ours[place] for place, found in seen.items()}


def _stays(deps: Deps, tx: Transaction, work: SyncWork, seen: Mapping[Place, Seen]) -> list[presence.Stay]:
    """What was seen, and the end of every stay that was known and is not seen any more."""
    if not seen:
        return []
    ids = _ids(tx, work.meeting_id)
    stays = [
        _stay(ids[peer.custom_participant_id], place.room_id, peer, work.now)
        for place, found in seen.items()
        for peer in found.peers
        if peer.custom_participant_id in ids
    ]
    asked = {place.room_id for place in seen}
    return [*stays, *_gone(deps, tx, work, asked, seen={(stay.room_id, stay.peer_id) for stay in stays})]


def _ids(tx: Transaction, meeting_id: str) -> dict[str, str]:
    """Everybody's row by the caller's own id."""
    columns = col(Participant.custom_participant_id), col(Participant.id)
    return dict(tx.session.execute(select(*columns).where(col(Participant.meeting_id) == meeting_id)).all())


def _stay(participant_id: str, room_id: str | None, peer: PeerRecord, now: datetime) -> presence.Stay:
    there = peer.left_at is None
    return presence.Stay(participant_id, room_id, peer.peer_id, None, peer.joined_at or now, peer.left_at, polled=there)


def _gone(
    deps: Deps, tx: Transaction, work: SyncWork, asked: set[str | None], *, seen: set[tuple[str | None, str]]
) -> list[presence.Stay]:
    """Stays in the places asked about that were not there; RealtimeKit's list may lag a little behind its webhooks."""
    lag = timedelta(seconds=deps.settings.search_settle_seconds)
    statement = select(Presence).where(
        col(Presence.meeting_id) == work.meeting_id,
        col(Presence.left_at).is_(None),
        col(Presence.joined_at) < work.now - lag,
    )
    return [
        presence.Stay(it.participant_id, it.room_id, it.peer_id, it.session_id, it.joined_at, work.now, polled=True)
        for it in tx.session.scalars(statement)
        if it.room_id in asked and (it.room_id, it.peer_id) not in seen
    ]
