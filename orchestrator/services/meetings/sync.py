"""The task of a parent meeting: import its people, make the tokens that are wanted, and poll who is where."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session

from orchestrator.domain.timing import LAST_REFUSED_SECONDS, earliest
from orchestrator.domain.wording import count
from orchestrator.errors import NotFound, RealtimeKitError, Refused
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import ParticipantRecord, PresetRecord, RecordingRecord
from orchestrator.services.breakout.locked import MeetingScope, locked_for_meeting
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import (
    changed_people,
    changing,
    importing,
    looking,
    main_tokens,
    newcomers,
    polling,
    preset_rights,
    sightings,
)
from orchestrator.services.meetings.looking import Look, Looked
from orchestrator.services.meetings.newcomers import Newcomer
from orchestrator.services.meetings.roll_call import Allowance, PolledMeeting, Roll, call_roll
from orchestrator.services.passes.admission import Guest, Outcome, admit_all, first_to_retry, waited_for, without_names
from orchestrator.services.passes.keeping import Kept, kept
from orchestrator.services.passes.leased import release_for_retry, start_pass, unread
from orchestrator.services.people import presence
from orchestrator.services.recordings import running
from orchestrator.services.result import NOTHING_TO_DO, Result
from orchestrator.store import due
from orchestrator.store.database import database_now
from schemas.tables import Meeting

TRY_REFUSED_AGAIN = timedelta(seconds=LAST_REFUSED_SECONDS)
"""The pause after a pass that RealtimeKit has refused."""


@dataclass(frozen=True)
class SyncWork:
    """A parent meeting as it stood when the pass began."""

    meeting_id: str
    realtimekit_meeting_id: str
    to_import: bool
    newcomers: list[Newcomer]
    """People in the main meeting who are not registered, and whom nobody has asked about yet."""
    guests: list[Guest]
    to_poll: list[PolledMeeting]
    allowance: Allowance
    """How many of these may be polled."""
    poll_priority: Priority
    breakouts_behind: list[str]
    """Breakouts that do not know yet when the meeting ends."""
    rooms_to_tell: Sequence[str]
    """Rooms that are to edit records of people who have changed."""
    look: Look | None
    presets_to_read: list[str]
    """Presets about which it is not known where their people may go."""
    may_compare_recordings: bool
    """Whether the pass may also ask which recordings run, in all meetings."""
    now: datetime


@dataclass
class Outcomes:
    """The results of the calls. No failure hides other results, or prevents other calls."""

    records: list[ParticipantRecord] | None = None
    """Everybody whom the main meeting admits; None: that was not asked, or is not known."""
    not_asked: RealtimeKitError | None = None
    """Why that is not known."""
    imported: list[ParticipantRecord] = field(default_factory=list)
    """Those of them who are to be registered here."""
    host_presets: set[str] = field(default_factory=set)
    connections: dict[str, str] = field(default_factory=dict)
    """The id of the record behind each connection, if somebody came without an id of their own."""
    tokens: dict[str, Outcome] = field(default_factory=dict)
    not_made: RealtimeKitError | None = None
    """Why tokens that people wait for were not made."""
    looked: Looked | None = None
    roll: Roll = field(default_factory=Roll)
    running: list[RecordingRecord] | None = None
    """All recordings that run at RealtimeKit; None if it was not asked."""
    presets: list[PresetRecord] | None = None
    """What presets say; None: that was not asked, or is not known."""
    not_read: RealtimeKitError | None = None
    """Why that is not known."""
    not_compared: RealtimeKitError | None = None
    """Why these are not known."""

    @property
    def error(self) -> RealtimeKitError | None:
        """The failure that may be tried again first, else a refusal."""
        errors = [it for it in (self.not_asked, self.not_made, self.roll.error, self.not_read, self.not_compared) if it]
        return first_to_retry(errors) or next(iter(errors), None)

    @property
    def got_on(self) -> bool:
        """Whether the pass reached anything, or met no error."""
        made = any(isinstance(one, ParticipantRecord) for one in self.tokens.values())
        return self.error is None or made or bool(self.roll.attendees)


def sync(deps: Deps, meeting_id: str, claim: int) -> Result:
    """Do one pass over a parent meeting. What could not be done is done by a later one.

    It is read when its start is committed. Those who wait for a meeting's row, such as whoever plans a breakout there,
    waited for seconds while a process of low priority read all meetings that it had started (measured).
    """
    with start_pass(deps, Meeting, meeting_id, claim, unread) as begun:
        if begun is None:
            return NOTHING_TO_DO
        lease, _ = begun
        with deps.database.reading() as session:
            work = _read(deps, session, meeting_id)
        compares = work.may_compare_recordings and running.takes_turn(deps)
        _mark_doubts(deps, lease.claim, work)
        changing.carry_end(deps, work.breakouts_behind)
        changed_people.tell(deps, work.rooms_to_tell)
        outcomes = deps.realtimekit.run(_ask(deps.realtimekit, work, compares=compares), lease.before_call)
        tokens = kept(deps, work.guests, outcomes.tokens, work.now)
        result = _record(deps, lease.claim, work, outcomes, tokens)
    looking.check_rooms(deps, outcomes.looked)
    if outcomes.running is not None:  # after it is recorded who is there, because only rooms with people matter
        running.compare(deps, outcomes.running)
    return result


def _read(deps: Deps, session: Session, meeting_id: str) -> SyncWork:
    meeting = session.get_one(Meeting, meeting_id)
    breakout = polling.live_breakout(session, meeting_id)
    now = database_now(session)
    is_time = meeting.poll_at is not None and meeting.poll_at <= now
    to_poll = polling.meetings_to_poll(session, meeting, breakout) if breakout and is_time else []
    may_poll = polling.allowance(deps, session, meeting, breakout, len(to_poll)) if breakout and to_poll else None
    return SyncWork(
        meeting_id=meeting_id,
        realtimekit_meeting_id=meeting.realtimekit_meeting_id,
        to_import=meeting.to_import,
        newcomers=newcomers.newcomers(session, meeting, now),
        guests=main_tokens.guests(session, meeting, breakout, now),
        to_poll=to_poll,
        allowance=may_poll or Allowance(0, 0),
        may_compare_recordings=is_time and running.matters(session, meeting, breakout),
        poll_priority=Priority.CLOSING if breakout and breakout.sent_home_at else Priority.POLLING,
        look=looking.read(session, meeting, now),
        presets_to_read=preset_rights.outdated(session, meeting, now),
        breakouts_behind=changing.breakouts_behind(session, meeting_id),
        rooms_to_tell=changed_people.rooms_to_tell(session, meeting_id, now),
        now=now,
    )


def _mark_doubts(deps: Deps, claim: due.Claim, work: SyncWork) -> None:
    """Store that people who are about to be added may be there without our knowing, should the answer be lost.

    This is not done at the start of the pass, because several people may be locked only under the breakout's lock. Else
    two transactions could wait for each other.
    """
    new = [guest.row_id for guest in work.guests if guest.realtimekit_participant_id is None]
    if not new:
        return
    with locked_for_meeting(deps, work.meeting_id) as m:
        due.record(m.tx, claim, progress=False)
        for participant_id in new:
            m.people.change(participant_id, in_doubt=True)


async def _ask(kit: RealtimeKit, work: SyncWork, *, compares: bool) -> Outcomes:
    """Poll, and meanwhile look whether meetings are ACTIVE, import people, and make tokens.

    A poll waits for nothing: people who come home are given up unless it shows them.
    """
    outcomes = Outcomes()
    ended = await asyncio.gather(
        _poll(kit, work, outcomes), _look_and_make(kit, work, outcomes), return_exceptions=True
    )
    for error in ended:
        if error is not None:
            raise error
    if compares and outcomes.error is None:
        try:
            outcomes.running = await kit.running_recordings()
        except RealtimeKitError as error:
            outcomes.not_compared = error
    return outcomes


async def _poll(kit: RealtimeKit, work: SyncWork, outcomes: Outcomes) -> None:
    if work.to_poll:
        outcomes.roll = await call_roll(kit, work.to_poll, work.allowance, work.poll_priority)


async def _look_and_make(kit: RealtimeKit, work: SyncWork, outcomes: Outcomes) -> None:
    if work.look:
        outcomes.looked = await looking.ask(kit, work.realtimekit_meeting_id, work.look)
    try:
        if work.to_import or work.newcomers:
            await _ask_who(kit, work, outcomes)
    except RealtimeKitError as error:
        outcomes.not_asked = error
    try:
        if work.guests:
            outcomes.tokens = await admit_all(kit, work.realtimekit_meeting_id, work.guests)
            outcomes.not_made = first_to_retry(waited_for(work.guests, outcomes.tokens))
    except RealtimeKitError as error:
        outcomes.not_made = error
    try:
        if work.presets_to_read:
            outcomes.presets = await preset_rights.ask(kit, work.presets_to_read)
    except RealtimeKitError as error:
        outcomes.not_read = error


async def _ask_who(kit: RealtimeKit, work: SyncWork, outcomes: Outcomes) -> None:
    """Ask for the records of people to import, however many, in a few calls."""
    meeting_id = work.realtimekit_meeting_id
    priority = Priority.OPENING if work.to_import else Priority.POLLING
    records = await kit.participants(meeting_id, priority=priority)
    to_import = records if work.to_import else newcomers.seen(work.newcomers, records)
    outcomes.host_presets = await newcomers.host_presets(kit, to_import)
    outcomes.connections = await newcomers.record_ids(kit, meeting_id, work.newcomers)
    outcomes.records, outcomes.imported = records, to_import


def _record(deps: Deps, claim: due.Claim, work: SyncWork, outcomes: Outcomes, tokens: Mapping[str, Kept]) -> Result:
    """Record what the pass has reached, and give the meeting back."""
    with locked_for_meeting(deps, work.meeting_id) as m:
        due.record(m.tx, claim, progress=outcomes.got_on)
        meeting = m.tx.session.get_one(Meeting, work.meeting_id, populate_existing=True)
        looking.record(m, meeting, outcomes.looked)
        if outcomes.presets is not None:
            preset_rights.record(m, work.presets_to_read, outcomes.presets)
        _record_polls(m, meeting, work, outcomes)
        _record_people(m, meeting, work, outcomes)
        made = main_tokens.record(m, work.guests, tokens, outcomes.tokens, outcomes.not_made)
        live = polling.live_breakout(m.tx.session, meeting.id)
        if live is None or _is_polled(meeting, work, outcomes):
            meeting.poll_at = polling.next_poll(deps, m.tx.session, meeting, live, m.now)
        if outcomes.error is None or isinstance(outcomes.error, Refused):
            due.release(m.tx, claim, due_at=_next_pass(m, meeting, work, outcomes, made))
        else:
            release_for_retry(m.tx, claim, outcomes.error)
        return _result(work, outcomes, made)


def _is_polled(meeting: Meeting, work: SyncWork, outcomes: Outcomes) -> bool:
    """Return whether the next poll is to be planned.

    One that became due during the pass is yet to be made. So is one that failed while people come home: the pass is
    repeated sooner than the next poll would come.
    """
    if meeting.poll_at is not None and meeting.poll_at > work.now:
        return False
    roll = outcomes.roll
    return bool(roll.attendees) or work.poll_priority is not Priority.CLOSING or first_to_retry([roll.error]) is None


def _record_people(m: MeetingScope, meeting: Meeting, work: SyncWork, outcomes: Outcomes) -> None:
    """Import people, and settle what is known of unregistered ones."""
    records = outcomes.records
    if records is None:
        if isinstance(outcomes.not_asked, NotFound):
            meeting.to_import = False  # RealtimeKit does not have it any more
        return
    importing.take_over(m, meeting, outcomes.imported, outcomes.host_presets)
    if m.breakout is not None and work.newcomers:
        m.breakout.lock_rooms()
    if work.newcomers:
        newcomers.settle(m, work.newcomers, records, outcomes.connections, work.now)
        newcomers.pause(m, meeting, len(records))


def _record_polls(m: MeetingScope, meeting: Meeting, work: SyncWork, outcomes: Outcomes) -> None:
    attendees = outcomes.roll.attendees
    if m.breakout is not None and work.to_poll:
        m.breakout.lock_rooms()
        m.breakout.has_facts |= m.breakout.row.sent_home_at is not None and bool(attendees)
        polling.note_polled(m.tx, meeting, sightings.strangers(m.tx, work.meeting_id, attendees), work.now)
        polling.report_lateness(m.breakout, meeting, work.to_poll, work.now)
    presence.apply(m, sightings.stays(m, attendees, work.now))
    sightings.note_unregistered(m, attendees, work.now)


def _next_pass(m: MeetingScope, meeting: Meeting, work: SyncWork, outcomes: Outcomes, made: int) -> datetime | None:
    """Return when there is something to do again, after a pass whose outcome is final for now."""
    if outcomes.error is not None:
        later = m.now + TRY_REFUSED_AGAIN if _has_asked(meeting, work) else None
        return earliest(meeting.poll_at, meeting.look_at, later)
    if outcomes.imported or (made and len(work.guests) >= main_tokens.BATCH_RENEWALS):
        return m.now  # records may differ from what callers say; there may be more people than one pass takes
    again = newcomers.next_question(m, meeting)
    reading = preset_rights.next_reading(m.tx.session, meeting, m.now)
    return earliest(meeting.poll_at, meeting.look_at, again, reading, main_tokens.next_token(m, meeting.id))


def _has_asked(meeting: Meeting, work: SyncWork) -> bool:
    return bool(meeting.to_import or work.newcomers or work.guests or work.presets_to_read)


def _result(work: SyncWork, outcomes: Outcomes, made: int) -> Result:
    words = [f"{count(made, 'token')} made"] if made else []
    if outcomes.imported:
        words.append(f"{count(len(outcomes.imported), 'participant')} imported")
    if outcomes.roll.attendees:
        words.append(f"{len(outcomes.roll.attendees)} of {count(len(work.to_poll), 'meeting')} asked")
    if not outcomes.error:
        return Result(", ".join(words) or "nothing to do yet")
    words.append("refused" if isinstance(outcomes.error, Refused) else "will try again")
    return Result(", ".join(words), without_names(outcomes.error.message, work.guests))
