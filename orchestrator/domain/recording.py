"""Whether another recording of a room is wanted: pure functions of stored facts.

"Recorded while people are there" is a wish that stays. A room gets another recording when it has emptied and filled
again. One that ended by itself while people were there, or did not begin, is followed too, but only MOST_REPLACED
times in a room. One that a person stopped is followed by none, whoever comes, because that person may have had a
reason.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from schemas.states import OVER, RecordingEnd, RecordingState

REPLACE_AFTER = (timedelta(), timedelta(seconds=10), timedelta(seconds=30))
"""The waits before each replacement, because what broke one recording may break the next at once."""
MOST_REPLACED = len(REPLACE_AFTER)
LONGEST_SECONDS = 86_400
"""How long RealtimeKit records if it is not told (RealtimeKit docs)."""
NOT_IN_FILE_NAMES = frozenset('/\\:*?"<>|')
LONGEST_NAME = 60
"""The characters of a room's name in those of its files: file systems take 255 bytes."""
LIMIT_MARGIN = timedelta(seconds=5)
"""A recording that lasted so nearly `max_seconds` has reached it. RealtimeKit gives no reason of its own for that."""


class Step(Enum):
    """What to do about the latest recording of an open room."""

    NOTHING = "nothing"
    START = "start"
    """Start it, because somebody is there."""
    ASK = "ask"
    """Ask RealtimeKit whether it still runs, because the room was empty meanwhile."""
    AGAIN = "again"
    """Record again, because people came after it had ended."""
    REPLACE = "replace"
    """Record again, because it ended by itself while people were there."""
    WAIT = "wait"
    """Replace it at `replace_at`."""
    GIVE_UP = "give up"
    """Report that nothing is recorded any more."""


@dataclass(frozen=True)
class LatestRecording:
    """The latest recording of an open room, and who is there."""

    state: RecordingState
    ended_by: RecordingEnd | None
    stopped_at: datetime | None
    replaced: int
    occupied: bool
    emptied_at: datetime | None
    """When the room was empty last before the people came who are there now; None if it never was."""
    filled_at: datetime | None
    """When the first of them came; None unless the room was empty before."""


def file_name(prefix: str, number: int, room_name: str) -> str:
    """Return what the names of a room's files begin with. Characters that file systems refuse are replaced."""
    cleaned = "".join("-" if it in NOT_IN_FILE_NAMES or not it.isprintable() else it for it in room_name)
    return f"{prefix}-{number}-{cleaned[:LONGEST_NAME].strip()}"


def next_step(latest: LatestRecording, now: datetime) -> Step:
    """Return what to do about the latest recording of an open room that is to be recorded."""
    match latest.state:
        case _ if not latest.occupied:
            return Step.NOTHING
        case RecordingState.REQUESTED:
            return Step.START
        case RecordingState.RECORDING:
            return Step.ASK if latest.filled_at else Step.NOTHING
        case over if over in OVER and latest.stopped_at is not None:
            return _step_after(latest, latest.stopped_at, now)
    return Step.NOTHING


def _step_after(latest: LatestRecording, stopped_at: datetime, now: datetime) -> Step:
    """Return what to do about a recording that has ended in a room with people."""
    if latest.ended_by is RecordingEnd.PERSON:
        return Step.NOTHING
    if _filled_again(latest, stopped_at):
        return Step.AGAIN
    if latest.ended_by not in (RecordingEnd.ITSELF, RecordingEnd.REFUSED):
        return Step.NOTHING
    if latest.replaced >= MOST_REPLACED:
        return Step.GIVE_UP
    return Step.REPLACE if now >= replace_at(stopped_at, latest.replaced, latest.ended_by) else Step.WAIT


def _filled_again(latest: LatestRecording, stopped_at: datetime) -> bool:
    """Return whether the people there came after the recording had ended.

    While nobody has said yet why it ended, the room must have been empty then. Else a host may have stopped it.
    """
    if latest.filled_at is None or latest.filled_at <= stopped_at:
        return False
    was_empty = latest.emptied_at is not None and latest.emptied_at <= stopped_at
    return latest.ended_by is not None or was_empty


def replace_at(stopped_at: datetime, replaced: int, ended_by: RecordingEnd | None) -> datetime:
    """Return when to replace a recording, after so many replacements.

    One that was refused is never replaced at once, because it was tried several times already.
    """
    return stopped_at + REPLACE_AFTER[max(replaced, 1) if ended_by is RecordingEnd.REFUSED else replaced]


def why_ended(
    *, failed: bool, reason: str | None, by_user: bool, lasted: timedelta | None, longest: timedelta
) -> RecordingEnd:
    """Return why a recording of an open room ended, by RealtimeKit's answer about it.

    `reason` is API_CALL, INTERNAL_ERROR or ALL_PEERS_LEFT (RealtimeKit docs). We stop none while its room is open. So
    somebody else made that call, and counts as a person, as does an end without a reason. One that failed is excused
    only if a participant stopped it, because short ones may fail (RealtimeKit docs).
    """
    if reason == "INTERNAL_ERROR":
        return RecordingEnd.ITSELF
    if lasted is not None and lasted >= longest - LIMIT_MARGIN:
        return RecordingEnd.LIMIT
    if reason == "API_CALL" and by_user:
        return RecordingEnd.PERSON
    if failed or reason == "ALL_PEERS_LEFT":
        return RecordingEnd.ITSELF
    return RecordingEnd.PERSON
