"""Parent meetings and the people in them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from orchestrator.errors import LeaseLost, Malformed, NotFound, NotNow, OutcomeUnknown, Refused, TryAgain
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import MeetingRecord
from orchestrator.realtimekit.titles import title_with_key
from orchestrator.services.breakout.seating import seat_latecomers
from orchestrator.services.deps import Deps
from orchestrator.services.idempotency import keys, pending
from orchestrator.services.idempotency.keys import Once, Render, Reply
from orchestrator.services.idempotency.pending import Held
from orchestrator.services.passes.doubt import find_ours, must_have_settled
from orchestrator.services.people import presence
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.queries import lock_breakout_of, lock_meeting, participant
from orchestrator.store.queries import meeting as meeting_of
from schemas.columns import new_id
from schemas.requests import MeetingRequest, PersonRequest
from schemas.states import BreakoutState
from schemas.tables import Inbox, Meeting, Participant

BeforeCall = Callable[[], None] | None


def create(deps: Deps, body: MeetingRequest) -> str:
    """Create a meeting at RealtimeKit, or adopt one that exists; its people are registered with it.

    Raises Malformed for presets or meetings that RealtimeKit does not know or refuses, NotNow when it can't be asked.
    """
    with _in_our_words():
        _check_presets(deps, body)
        found = _make(deps, body.title or "") if body.realtimekit_meeting_id is None else _existing(deps, body)
    with deps.database.transaction() as tx:
        return _record(tx, body, found.id, body.title or found.title)


def create_once(deps: Deps, once: Once, body: MeetingRequest, render: Render[str]) -> Reply:
    """`create` under an Idempotency-Key: however often it is asked for, and wherever it breaks off, one meeting.

    Raises as `create` does, and NotNow while another request with that key is at work.
    """
    if body.realtimekit_meeting_id is not None:
        return keys.run(deps, once, lambda within: create(within, body), render)
    held = pending.hold(deps, once)
    if isinstance(held, Reply):
        return held
    try:
        with _in_our_words():
            _check_presets(deps, body, held.before_call)
            made = _make_or_find(deps, body.title or "", held)
        with deps.database.transaction() as tx:
            meeting_id = _record(tx, body, made.id, body.title or "", held.mark)
            reply = keys.rendered(tx, render, meeting_id)
            pending.answer(deps, tx, held, reply)
            return reply
    except Exception:
        pending.let_go(deps, held)
        raise


def register(deps: Deps, meeting_id: str, people: Sequence[PersonRequest]) -> list[str]:
    """Register people, or bring those known up to date; gives their ids in the order given. Raises Unknown."""
    with deps.database.transaction() as tx:
        breakout = lock_breakout_of(tx, meeting_id)
        lock_meeting(tx, meeting_id)  # else two that register the same person both find them missing
        ids = _register(tx, meeting_id, people)
        if breakout is not None and breakout.state in (BreakoutState.OPENING, BreakoutState.OPEN):
            tx.session.flush()
            seat_latecomers(tx, breakout, tx.now(), ids)
        return ids


def set_present(deps: Deps, meeting_id: str, custom_participant_id: str, present: bool) -> str:
    """The caller's word on whether somebody is in the main meeting; gives the participant's id. Raises Unknown."""
    with deps.database.transaction() as tx:
        breakout = lock_breakout_of(tx, meeting_id)
        meeting_of(tx.session, meeting_id)
        person = participant(tx.session, meeting_id, custom_participant_id)
        presence.set_present(deps, tx, breakout, person, present=present)
        return person.id


@contextmanager
def _in_our_words() -> Iterator[None]:
    """RealtimeKit's errors as the caller's mistake, or as nobody's who may repeat."""
    try:
        yield
    except Refused as error:
        raise Malformed(f"RealtimeKit refused: {error.message}") from error
    except TryAgain as error:
        raise NotNow(error.message, error.retry_after or 5.0) from error
    except OutcomeUnknown as error:
        raise NotNow(f"RealtimeKit did not answer: {error.message}") from error
    except LeaseLost as error:
        raise NotNow(str(error)) from error


def _check_presets(deps: Deps, body: MeetingRequest, before_call: BeforeCall = None) -> None:
    known = deps.realtimekit.run(deps.realtimekit.preset_names(priority=Priority.OPENING), before_call)
    asked = {body.host_preset, body.participant_preset} | {it.preset_name for it in body.participants if it.preset_name}
    if missing := sorted(asked - known):
        raise Malformed(f"RealtimeKit has no preset {', '.join(missing)}; it has {', '.join(sorted(known))}")


def _existing(deps: Deps, body: MeetingRequest) -> MeetingRecord:
    assert body.realtimekit_meeting_id is not None
    try:
        return deps.realtimekit.run(deps.realtimekit.get_meeting(body.realtimekit_meeting_id))
    except NotFound as error:
        where = ("body", "realtimekit_meeting_id")
        raise Malformed(f"RealtimeKit has no meeting {body.realtimekit_meeting_id}", where) from error


def _make(deps: Deps, title: str, before_call: BeforeCall = None) -> MeetingRecord:
    keep_alive = deps.settings.session_keep_alive_seconds
    return deps.realtimekit.run(deps.realtimekit.create_meeting(title, keep_alive_seconds=keep_alive), before_call)


def _make_or_find(deps: Deps, title: str, held: Held) -> MeetingRecord:
    """A meeting with the key's mark; one that an earlier try may have made is looked for first."""
    if held.in_doubt_since is not None:
        if hits := deps.realtimekit.run(find_ours(deps, held.mark), held.before_call):
            for surplus in hits[1:]:
                deps.realtimekit.run(deps.realtimekit.retire_meeting(surplus.id), held.before_call)
            return hits[0]
        must_have_settled(deps, held.in_doubt_since, held.since)
    held.sent = True
    try:
        return _make(deps, title_with_key(title, deps.install, held.mark), held.before_call)
    except (TryAgain, Refused, LeaseLost):
        held.sent = False
        raise


def _record(tx: Transaction, body: MeetingRequest, realtimekit_id: str, title: str, key: str | None = None) -> str:
    meeting_id = _add(tx, body, realtimekit_id, title, key)
    if body.realtimekit_meeting_id is not None:
        due.want(tx, Meeting, [meeting_id])
    _register(tx, meeting_id, body.participants)
    return meeting_id


def _add(tx: Transaction, body: MeetingRequest, realtimekit_id: str, title: str, key: str | None) -> str:
    """A row for the meeting; one adopted before, or by another request at this moment, is the same one again."""
    meeting = Meeting(
        id=new_id(),
        title=title or realtimekit_id,
        realtimekit_meeting_id=realtimekit_id,
        key=key,
        host_preset=body.host_preset,
        participant_preset=body.participant_preset,
        created_at=tx.now(),
        to_import=body.realtimekit_meeting_id is not None,
    )
    try:
        with tx.session.begin_nested():
            tx.session.add(meeting)
    except IntegrityError:
        known = tx.session.scalars(select(Meeting).where(col(Meeting.realtimekit_meeting_id) == realtimekit_id)).one()
        known.to_import = True
        return known.id
    tx.session.add(Inbox(id=meeting.id))
    return meeting.id


def _register(tx: Transaction, meeting_id: str, people: Sequence[PersonRequest]) -> list[str]:
    names = [person.custom_participant_id for person in people]
    statement = select(Participant).where(
        col(Participant.meeting_id) == meeting_id, col(Participant.custom_participant_id).in_(names)
    )
    known = {row.custom_participant_id: row for row in tx.session.scalars(statement)}
    if any(row.token_again_at for row in known.values()):
        due.want(tx, Meeting, [meeting_id])
    now = tx.now()
    for person in people:
        row = known.get(person.custom_participant_id)
        if row is None:
            row = Participant(
                meeting_id=meeting_id,
                custom_participant_id=person.custom_participant_id,
                name=person.name,
                created_at=now,
            )
            tx.session.add(row)
            known[person.custom_participant_id] = row
        row.name, row.role = person.name, person.role
        row.token_refusals, row.token_again_at = 0, None
        for field in person.model_fields_set & {"preset_name", "attributes"}:
            setattr(row, field, getattr(person, field))
    return [known[name].id for name in names]
