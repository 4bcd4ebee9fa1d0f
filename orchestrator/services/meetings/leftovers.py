"""The task of a leftover: what is still to be removed at RealtimeKit of people who have left, and of deleted meetings.

It works by what is stored of somebody's records, however often. Calls that had begun when the person left may make one
more record. So it looks once more when none of them is on its way any more, and then the row goes.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlmodel import Session, col

from orchestrator.domain.erasing import stand_in
from orchestrator.domain.wording import count
from orchestrator.errors import NotFound, RealtimeKitError, Refused
from orchestrator.log import logger
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.services.breakout.locked import locked_for_meeting
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import erasing, removing
from orchestrator.services.passes.doubt import Doubt, find_ours
from orchestrator.services.passes.leased import release_for_retry, start_pass
from orchestrator.services.people import departed
from orchestrator.services.result import NOTHING_TO_DO, Result
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.leases import Lease
from orchestrator.store.queries import hash_key
from schemas.tables import Admission, Leftover, Meeting, Participant, Presence, Room, Seat

log = logger(__name__)

EMPTY_AFTER = timedelta(minutes=10)
"""Who left so long after a meeting was retired was not in it. Retiring does not put out who is."""
MOST_REFUSALS = 8
"""Tries after which something that RealtimeKit keeps refusing is given up."""


@dataclass(frozen=True)
class Record:
    """A record of a person in one of RealtimeKit's meetings; of an unknown one the id is None."""

    meeting_id: str
    participant_id: str | None
    is_live: bool
    """Whether somebody may be in the meeting."""


@dataclass(frozen=True)
class RoomToRetire:
    """A child meeting of a deleted meeting."""

    key: str
    realtimekit_meeting_id: str | None
    in_doubt_since: datetime | None


@dataclass(frozen=True)
class Leaving:
    """What is to be removed, as it stood when the pass began."""

    id: str
    meeting_id: str
    person: str | None
    hash_key: str
    records: Sequence[Record]
    rooms: Sequence[RoomToRetire]
    is_last: bool
    """Whether no call is on its way any more that had begun before."""
    until: datetime


def clear(deps: Deps, leftover_id: str, claim: int) -> Result:
    """Do one pass over what is left of a person, or of a meeting. This is the task of a leftover."""
    with start_pass(deps, Leftover, leftover_id, claim, _read_all) as begun:
        if begun is None:
            return NOTHING_TO_DO
        lease, work = begun
        if work.person is not None:
            removing.leave_plans(deps, work.meeting_id, work.id)
            erasing.finish(deps, work.id)
        try:
            removed = _remove(deps, lease, work)
        except RealtimeKitError as error:
            if not isinstance(error, Refused) or lease.claim.tries < MOST_REFUSALS:
                with deps.database.transaction() as tx:
                    release_for_retry(tx, lease.claim, error)
                return Result("will try again")
            log.warning("RealtimeKit keeps what is left", leftover=work.id, error=type(error).__name__)
            removed = []
        _record(deps, lease.claim, work, removed)
        return Result(f"{count(len(removed), 'record')} and {count(len(work.rooms), 'room')} removed")


def _read_all(deps: Deps, tx: Transaction, row_ids: Sequence[str]) -> dict[str, Leaving]:
    key, now = hash_key(tx.session), tx.now()
    rows = tx.session.scalars(select(Leftover).where(col(Leftover.id).in_(row_ids))).all()
    empty = departed.longest_pass(deps) + EMPTY_AFTER
    return {row.id: _read(tx.session, row, key, now, row.until - empty) for row in rows}


def _read(session: Session, row: Leftover, key: str, now: datetime, empty_since: datetime) -> Leaving:
    return Leaving(
        id=row.id,
        meeting_id=row.meeting_id,
        person=row.person,
        hash_key=key,
        records=_records(session, row, empty_since, is_last=row.until <= now) if row.person else [],
        rooms=[RoomToRetire(str(it[0]), it[1], datetime.fromisoformat(it[2]) if it[2] else None) for it in row.rooms],
        is_last=row.until <= now,
        until=row.until,
    )


def _records(session: Session, row: Leftover, empty_since: datetime, *, is_last: bool) -> list[Record]:
    """Return the person's records, without those that a living person has by now: the same one, let in again.

    Nobody is in a meeting that was retired before `empty_since`.
    """
    person = session.get(Participant, row.id)
    meeting = session.get(Meeting, row.meeting_id)
    found = [Record(place, None, is_live=True) for place in row.places]
    if person is not None and meeting is not None:
        is_known = person.realtimekit_participant_id is not None
        if is_known or person.in_doubt or (not is_last and _has_been_in_main(session, person.id)):
            found.append(Record(meeting.realtimekit_meeting_id, person.realtimekit_participant_id, is_live=True))
    has_one = or_(col(Seat.realtimekit_participant_id).is_not(None), col(Seat.in_doubt))
    statement = (
        select(col(Room.realtimekit_meeting_id), col(Seat.realtimekit_participant_id), col(Room.retired_at))
        .join(Seat, col(Seat.room_id) == col(Room.id))
        .where(col(Seat.participant_id).in_(departed.stood_for(session, row)))
        .where(col(Room.realtimekit_meeting_id).is_not(None), has_one)
    )
    for place, it, retired_at in session.execute(statement):
        found.append(Record(place, it, is_live=retired_at is None or retired_at > empty_since))
    living = _of_living(session, {record.participant_id for record in found if record.participant_id})
    return sorted({it for it in found if it.participant_id not in living}, key=lambda it: (it.meeting_id, it.is_live))


def _has_been_in_main(session: Session, participant_id: str) -> bool:
    """Return whether somebody was seen in main, where their caller may have let them in without our knowing."""
    stay = col(Presence.participant_id) == participant_id, col(Presence.room_id).is_(None)
    return session.scalar(select(col(Presence.id)).where(*stay).limit(1)) is not None


def _of_living(session: Session, record_ids: set[str]) -> set[str | None]:
    """Return those of these records that people have who are in a meeting now."""
    mine = col(Participant.realtimekit_participant_id).in_(record_ids), col(Participant.meeting_id).is_not(None)
    in_rooms = (
        select(col(Seat.realtimekit_participant_id))
        .join(Participant, col(Participant.id) == col(Seat.participant_id))
        .where(col(Seat.realtimekit_participant_id).in_(record_ids), col(Participant.meeting_id).is_not(None))
    )
    in_main = session.scalars(select(col(Participant.realtimekit_participant_id)).where(*mine))
    return {*in_main, *session.scalars(in_rooms)} if record_ids else set()


def _remove(deps: Deps, lease: Lease, work: Leaving) -> list[str]:
    """Remove everything at RealtimeKit. Returns the ids of the records that are gone."""
    unknown = [record for record in work.records if record.participant_id is None]
    known = {record for record in work.records if record.participant_id is not None}
    kit = deps.realtimekit
    if unknown:
        known |= _of_nobody_here(deps, work, kit.run(_find(kit, work, unknown), lease.before_call))
    kit.run(_end_all(kit, known), lease.before_call)
    for room in work.rooms:
        found = [room.realtimekit_meeting_id] if room.realtimekit_meeting_id else []
        if room.in_doubt_since is not None:
            doubt = Doubt(room.key, room.in_doubt_since, lease.before_call, Priority.CLOSING)
            found += [meeting.id for meeting in find_ours(deps, doubt)]
        for meeting_id in dict.fromkeys(found):
            kit.run(kit.retire_meeting(meeting_id), lease.before_call)
    return [record.participant_id for record in known if record.participant_id]


async def _find(kit: RealtimeKit, work: Leaving, unknown: Sequence[Record]) -> set[Record]:
    """Return the records of the person that RealtimeKit lists in these meetings."""
    found = set()
    for place in unknown:
        try:
            listed = await kit.participants(place.meeting_id, priority=Priority.MOVING)
        except NotFound:
            continue
        mine = [
            it for it in listed if stand_in(work.hash_key, work.meeting_id, it.custom_participant_id) == work.person
        ]
        found |= {replace(place, participant_id=record.id) for record in mine}
    return found


def _of_nobody_here(deps: Deps, work: Leaving, found: set[Record]) -> set[Record]:
    """Return those of these records that no living person has. This reads the database, and no coroutine may."""
    with deps.database.reading() as session:
        living = _of_living(session, {record.participant_id for record in found if record.participant_id})
        settled = _settled(session, work, {record.meeting_id for record in found})
    return {it for it in found if it.participant_id not in living and it.meeting_id in settled}


def _settled(session: Session, work: Leaving, places: set[str]) -> set[str]:
    """Return those of these meetings in which another record is certainly not that of the person, let in again.

    That is so where their new record is known. Else one that is not known to be theirs may be the new one.
    """
    back = _back(session, work)
    if back is None:
        return places
    in_rooms = select(Seat, col(Room.realtimekit_meeting_id)).join(Room, col(Room.id) == col(Seat.room_id))
    seats = session.execute(in_rooms.where(col(Seat.participant_id) == back.id))
    main = session.get_one(Meeting, work.meeting_id).realtimekit_meeting_id
    admissions: list[tuple[Admission, str | None]] = [(back, main), *((seat, place) for seat, place in seats)]
    known = {place for one, place in admissions if place}
    unsure = {place for one, place in admissions if one.in_doubt or one.realtimekit_participant_id is None}
    return places & (known - unsure)


def _back(session: Session, work: Leaving) -> Participant | None:
    """Return the same person who was let in again."""
    columns = col(Participant.id), col(Participant.custom_participant_id)
    for row_id, name in session.execute(select(*columns).where(col(Participant.meeting_id) == work.meeting_id)):
        if stand_in(work.hash_key, work.meeting_id, name) == work.person:
            return session.get(Participant, row_id)
    return None


async def _end_all(kit: RealtimeKit, records: set[Record]) -> None:
    ended = await asyncio.gather(*(_end(kit, record) for record in records), return_exceptions=True)
    for error in ended:
        if error is not None:
            raise error


async def _end(kit: RealtimeKit, record: Record) -> None:
    """Put a person out and delete their record. Who comes back in between is put out once more."""
    assert record.participant_id is not None
    if not record.is_live:
        await kit.delete_participant(record.meeting_id, record.participant_id, priority=Priority.PREPARING)
        return
    await kit.kick_record(record.meeting_id, record.participant_id)
    await kit.delete_participant(record.meeting_id, record.participant_id)
    await kit.kick_record(record.meeting_id, record.participant_id)


def _record(deps: Deps, claim: due.Claim, work: Leaving, removed: Sequence[str]) -> None:
    """Forget the records that are gone, and the row itself when nothing can come any more."""
    with locked_for_meeting(deps, work.meeting_id) as m:
        due.record(m.tx, claim)
        gone = {"realtimekit_participant_id": None, "name_at_realtimekit": None, "preset_at_realtimekit": None}
        if work.person is not None:
            if m.breakout is not None:
                m.breakout.lock_rooms()
            row = m.tx.session.get_one(Leftover, work.id)
            mine = col(Seat.participant_id).in_(departed.stood_for(m.tx.session, row))
            m.tx.session.execute(
                update(Seat).where(mine, col(Seat.realtimekit_participant_id).in_(removed)).values(**gone)
            )
            if work.is_last:
                m.tx.session.execute(update(Seat).where(mine, col(Seat.in_doubt)).values(in_doubt=False))
            person = m.tx.session.get(Participant, work.id)
            if person is not None and person.realtimekit_participant_id in {*removed, None}:
                m.people.change(work.id, **gone, auth_token=None, **({"in_doubt": False} if work.is_last else {}))
        row = m.tx.session.get_one(Leftover, work.id, populate_existing=True)
        if work.is_last and row.until == work.until and row.words is None:
            m.tx.session.execute(delete(Leftover).where(col(Leftover.id) == work.id))
        else:
            due.release(m.tx, claim, due_at=max(row.until, m.now))
