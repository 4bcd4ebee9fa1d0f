"""Ending orphans at RealtimeKit."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from orchestrator.errors import RealtimeKitError, Refused
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import RecordingRecord
from orchestrator.services.breakout import recordings
from orchestrator.services.breakout.locked import locked_if_kept
from orchestrator.services.deps import Deps
from orchestrator.services.upkeep.orphans import End, Fate
from orchestrator.store.database import Transaction
from schemas.states import RecordingState
from schemas.tables import Recording, Room

Ending = End | RealtimeKitError
"""What came of trying to end something, or an error after which it may be tried again."""


async def end_meetings(kit: RealtimeKit, meeting_ids: Sequence[str], *, dry_run: bool) -> list[Ending]:
    """Retire these meetings, all at once, unless somebody is in them."""
    return await asyncio.gather(*(_end_meeting(kit, meeting_id, dry_run=dry_run) for meeting_id in meeting_ids))


async def _end_meeting(kit: RealtimeKit, meeting_id: str, *, dry_run: bool) -> Ending:
    """Retire a meeting. A refusal is an outcome, because trying again at once would keep all others waiting."""
    try:
        if await kit.active_session(meeting_id):
            return End(Fate.IN_USE)
        if dry_run:
            return End(Fate.TO_BE_RETIRED)
        running = await kit.active_recording(meeting_id, priority=Priority.POLLING)
        if running is not None:
            await kit.stop_recording(running.id, priority=Priority.POLLING)
        await kit.retire_meeting(meeting_id, priority=Priority.POLLING)
    except Refused as error:
        return End(Fate.REFUSED, error.message)
    except RealtimeKitError as error:
        return error
    return End(Fate.RETIRED)


def stop_recording(
    deps: Deps, room: Room, record: RecordingRecord, check: Callable[[], None] | None, *, dry_run: bool
) -> Ending:
    """Stop a recording of a closed room, and store that it is to be followed."""
    if dry_run:
        return End(Fate.TO_BE_STOPPED)
    try:
        stopped = deps.realtimekit.run(deps.realtimekit.stop_recording(record.id, priority=Priority.POLLING), check)
    except Refused as error:
        return End(Fate.REFUSED, error.message)
    except RealtimeKitError as error:
        return error
    _store_stopped(deps, room, record, stopped)
    return End(Fate.STOPPED)


def _store_stopped(deps: Deps, room: Room, record: RecordingRecord, stopped: RecordingRecord | None) -> None:
    with locked_if_kept(deps, room.breakout_id) as b:
        if b is None:
            return
        known = select(Recording).where(col(Recording.realtimekit_recording_id) == record.id)
        recording = b.tx.session.scalar(known) or _adopted(b.tx, room, record, b.now)
        recordings.merge(b, recording, stopped or RecordingRecord(id=record.id, status="UPLOADING"))
        recordings.schedule_follow(b, recording)


def _adopted(tx: Transaction, room: Room, record: RecordingRecord, now: datetime) -> Recording:
    """Add a recording that was started without our knowing."""
    recording = Recording(
        breakout_id=room.breakout_id,
        room_id=room.id,
        state=RecordingState.RECORDING,
        realtimekit_recording_id=record.id,
        started_at=record.started_at or now,
        created_at=now,
    )
    tx.session.add(recording)
    tx.session.flush()
    return recording
