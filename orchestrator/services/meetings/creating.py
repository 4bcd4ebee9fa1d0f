"""Creating a parent meeting at RealtimeKit, or adopting one that exists."""

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from orchestrator.errors import LeaseLost, Malformed, NotFound, Refused, TryAgain, WrongState
from orchestrator.realtimekit.records import MeetingRecord
from orchestrator.realtimekit.titles import title_with_key
from orchestrator.services.breakout.people_writes import PeopleWrites
from orchestrator.services.deps import Deps
from orchestrator.services.idempotency import keys, pending
from orchestrator.services.idempotency.keys import Once, Render, Reply
from orchestrator.services.idempotency.pending import Held
from orchestrator.services.meetings import parents, presets, registering
from orchestrator.services.meetings.asking import in_our_words
from orchestrator.services.meetings.changing import require_to_come
from orchestrator.services.passes.doubt import Doubt, find_ours, must_have_settled
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.queries import lock_meeting
from orchestrator.store.versions import PEOPLE, count_change
from schemas.columns import new_id
from schemas.problems import ProblemCode
from schemas.requests import MeetingRequest
from schemas.tables import Inbox, Meeting, Room

BeforeCall = Callable[[], None] | None


def create(deps: Deps, body: MeetingRequest) -> str:
    """Create a meeting at RealtimeKit, or adopt one that exists, and register its people.

    Raises Malformed for presets or meetings that RealtimeKit does not know or refuses, WrongState for a meeting that is
    not ACTIVE, NotNow when it can't be asked.
    """
    with in_our_words():
        _require_possible(deps, body)
        found = _make(deps, body.title or "") if body.realtimekit_meeting_id is None else _existing(deps, body)
    with deps.database.transaction() as tx:
        return _record(deps, tx, body, _At(found.id, body.title or found.title))


def create_once(deps: Deps, once: Once, body: MeetingRequest, render: Render[str]) -> Reply:
    """Create one meeting for an Idempotency-Key, however often it is asked for and wherever a try breaks off.

    Raises as `create` does, and NotNow while another request with that key is at work.
    """
    if body.realtimekit_meeting_id is not None:
        return keys.run(deps, once, lambda within: create(within, body), render)
    held = pending.hold(deps, once)
    if isinstance(held, Reply):
        return held
    try:
        with in_our_words():
            _require_possible(deps, body, held.before_call)
            made = _make_or_find(deps, body.title or "", held)
        with deps.database.transaction() as tx:
            meeting_id = _record(deps, tx, body, _At(made.id, body.title or "", held.mark))
            reply = keys.rendered(tx, render, meeting_id)
            pending.answer(deps, tx, held, reply)
            return reply
    except Exception:
        pending.let_go(deps, held)
        raise


def _require_possible(deps: Deps, body: MeetingRequest, before_call: BeforeCall = None) -> None:
    """Raise Malformed for an end that is past, and as `presets.require` does.

    Of a meeting that was adopted before only the people count, because its settings stay.
    """
    with deps.database.reading() as session:
        is_known = body.realtimekit_meeting_id is not None and session.scalar(_id_of(body.realtimekit_meeting_id))
        if not is_known:
            require_to_come(session, body.ends_at)
    presets.require(deps, presets.of_people(body.participants) if is_known else presets.of_meeting(body), before_call)


def _id_of(realtimekit_id: str) -> Select[str]:
    return select(col(Meeting.id)).where(col(Meeting.realtimekit_meeting_id) == realtimekit_id)


def _existing(deps: Deps, body: MeetingRequest) -> MeetingRecord:
    assert body.realtimekit_meeting_id is not None
    try:
        found = deps.realtimekit.run(deps.realtimekit.get_meeting(body.realtimekit_meeting_id))
    except NotFound as error:
        where = ("body", "realtimekit_meeting_id")
        words = f"RealtimeKit has no meeting {body.realtimekit_meeting_id}"
        raise Malformed(words, where, ProblemCode.UNKNOWN_MEETING) from error
    parents.require_active(found)
    return found


def _make(deps: Deps, title: str, before_call: BeforeCall = None) -> MeetingRecord:
    keep_alive = deps.settings.session_keep_alive_seconds
    return deps.realtimekit.run(deps.realtimekit.create_meeting(title, keep_alive_seconds=keep_alive), before_call)


def _make_or_find(deps: Deps, title: str, held: Held) -> MeetingRecord:
    """Return a meeting with the key's mark. One that an earlier try may have made is looked for first."""
    if held.in_doubt_since is not None:
        if hits := find_ours(deps, Doubt(held.mark, held.asked_at, held.before_call)):
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


class _At(NamedTuple):
    """The meeting at RealtimeKit."""

    id: str
    title: str
    key: str | None = None


def _record(deps: Deps, tx: Transaction, body: MeetingRequest, at: _At) -> str:
    meeting, is_new = _add(deps, tx, body, at)
    if body.realtimekit_meeting_id is not None:
        due.want(tx, Meeting, [meeting.id])
    people = PeopleWrites(tx, meeting.id)
    _, has_changed = registering.write(tx, people, meeting.id, body.participants)
    if has_changed and not is_new:
        count_change(meeting, PEOPLE)
    people.write()
    return meeting.id


def _add(deps: Deps, tx: Transaction, body: MeetingRequest, at: _At) -> tuple[Meeting, bool]:
    """Add a row for the meeting, or lock the row of one that was adopted before. Returns also whether it is new.

    Raises WrongState for one that does not exist for the caller, or that is the meeting of a room.
    """
    _require_no_room(tx, at.id)
    meeting = Meeting(
        id=new_id(),
        title=at.title or at.id,
        realtimekit_meeting_id=at.id,
        key=at.key,
        tenant=deps.reach.tenant,
        host_preset=body.host_preset,
        participant_preset=body.participant_preset,
        room_host_preset=body.room_presets.host,
        room_participant_preset=body.room_presets.participant,
        ends_at=body.ends_at,
        created_at=tx.now(),
        to_import=body.realtimekit_meeting_id is not None,
    )
    try:
        with tx.session.begin_nested():
            tx.session.add(meeting)
    except IntegrityError:
        known = lock_meeting(tx, tx.session.scalars(_id_of(at.id)).one())
        if not deps.reach.covers(known):
            raise WrongState(
                f"meeting {at.id} belongs to somebody else", "adopted", (), ProblemCode.MEETING_TAKEN
            ) from None
        known.to_import = True
        return known, False
    tx.session.add(Inbox(id=meeting.id))
    return meeting, True


def _require_no_room(tx: Transaction, realtimekit_id: str) -> None:
    room = tx.session.scalar(select(Room).where(col(Room.realtimekit_meeting_id) == realtimekit_id).limit(1))
    if room is not None:
        words = f"meeting {realtimekit_id} is that of a room of a breakout"
        raise WrongState(words, room.state.value, (), ProblemCode.MEETING_TAKEN)
