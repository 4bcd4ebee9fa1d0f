"""The task of a recording: ask RealtimeKit about it, and see to it that another follows if one is wanted.

It asks while the upload is under way, when the recording has ended and nobody knows why, and when it may have ended
unseen. It changes nothing at RealtimeKit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import col

from orchestrator.domain.timing import FOLLOW_HOURS
from orchestrator.errors import NotFound, RealtimeKitError
from orchestrator.log import about
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import RecordingRecord
from orchestrator.services.breakout.keeping_recorded import keep_recorded
from orchestrator.services.breakout.locked import locked
from orchestrator.services.breakout.recordings import learn_end, merge, schedule_follow, tell_expiry
from orchestrator.services.deps import Deps
from orchestrator.services.passes.leased import start_pass
from orchestrator.services.result import NOTHING_TO_DO, Result
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.leases import Lease
from schemas.events import Actor
from schemas.states import RecordingState
from schemas.tables import Recording


@dataclass(frozen=True)
class FollowWork:
    """A recording as it stood when the pass began."""

    realtimekit_id: str
    breakout_id: str
    is_known: bool
    """Whether RealtimeKit has nothing more to say of it, and only its expiry is to be told."""


@dataclass(frozen=True)
class Fact:
    """What RealtimeKit answered, or why there is no record."""

    record: RecordingRecord | None
    error: str = ""


def follow(deps: Deps, recording_id: str, claim: int) -> Result:
    """Ask RealtimeKit about one recording and record the answer."""
    with start_pass(deps, Recording, recording_id, claim, _read) as begun:
        if begun is None:
            return NOTHING_TO_DO
        lease, work = begun
        about(breakout_id=work.breakout_id)
        return _record(deps, lease.claim, work, _ask(deps, lease, work))


def _read(_: Deps, tx: Transaction, recording_ids: Sequence[str]) -> dict[str, FollowWork]:
    found = tx.session.scalars(select(Recording).where(col(Recording.id).in_(recording_ids)))
    return {it.id: FollowWork(it.realtimekit_recording_id or "", it.breakout_id, _is_known(it)) for it in found}


def _is_known(recording: Recording) -> bool:
    return recording.state is RecordingState.UPLOADED and recording.ended_by is not None


def _ask(deps: Deps, lease: Lease, work: FollowWork) -> Fact:
    if work.is_known or not work.realtimekit_id:
        return Fact(None)  # it never began, and another may be wanted by now
    ask = deps.realtimekit.recording(work.realtimekit_id, priority=Priority.POLLING)
    try:
        return Fact(deps.realtimekit.run(ask, lease.before_call))
    except NotFound as error:
        return Fact(RecordingRecord(id=work.realtimekit_id, status="ERRORED"), error.message)
    except RealtimeKitError as error:
        return Fact(None, error.message)


def _record(deps: Deps, claim: due.Claim, work: FollowWork, fact: Fact) -> Result:
    with locked(deps, work.breakout_id) as b:
        due.record(b.tx, claim)
        recording = b.tx.session.get_one(Recording, claim.row_id)
        recording.follows += 1
        if fact.record is not None:
            with b.acting(Actor.REALTIMEKIT):
                merge(b, recording, fact.record)
            learn_end(b, recording, fact.record)
        if recording.state is RecordingState.STOPPED and b.now > _patience_ends(recording):
            b.move_recording(recording, RecordingState.FAILED)
            recording.error = fact.error or "its upload never ended"
        tell_expiry(b, recording)
        schedule_follow(b, recording)
        keep_recorded(b, [recording.room_id])
        due.release(b.tx, claim, due_at=recording.follow_at)
        return Result("RealtimeKit answered", fact.error) if fact.error else Result(str(recording.state))


def _patience_ends(recording: Recording) -> datetime:
    return (recording.stopped_at or recording.created_at) + timedelta(hours=FOLLOW_HOURS)
