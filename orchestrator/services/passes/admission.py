"""Admitting people to a parent or child meeting: each is added once, or adopted if an unrecorded try has added them."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.errors import Conflict, LeaseLost, RealtimeKitError, Refused, TryAgain
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import ParticipantRecord
from schemas.states import Role
from schemas.tables import Meeting, Participant


@dataclass(frozen=True)
class Guest:
    """A person who needs a token for one meeting. `row_id` is the id of their seat or participant row."""

    row_id: str
    custom_participant_id: str
    name: str = field(repr=False)
    preset_name: str
    in_doubt: bool
    realtimekit_participant_id: str | None = None
    priority: Priority = Priority.OPENING


Outcome = ParticipantRecord | RealtimeKitError


def first_to_retry(outcomes: Iterable[object]) -> RealtimeKitError | None:
    """Return the failure that may be tried again first; None when there is none but refusals."""
    found = [it for it in outcomes if isinstance(it, RealtimeKitError) and not isinstance(it, Refused)]
    return min(found, key=lambda it: (it.retry_after or 0.0) if isinstance(it, TryAgain) else 0.0, default=None)


def stays_in_doubt(outcome: Outcome, *, before: bool) -> bool:
    """Return whether a person may have been added without our knowing. An older doubt ends only with an admission."""
    if isinstance(outcome, ParticipantRecord):
        return False
    return before or not isinstance(outcome, TryAgain | Refused)


def without_names(words: str, guests: Iterable[Guest]) -> str:
    """Return RealtimeKit's words for a task's result, or a substitute if they name somebody: Flower shows results."""
    named = any(guest.name in words or guest.custom_participant_id in words for guest in guests)
    return "see the breakout's problems" if named else words


def preset_of(meeting: Meeting, person: Participant) -> str:
    """Return the preset of a person, in the parent meeting and in rooms alike."""
    presets = {Role.HOST: meeting.host_preset, Role.PARTICIPANT: meeting.participant_preset}
    return person.preset_name or presets[person.role]


async def admit_all(kit: RealtimeKit, meeting_id: str, guests: Sequence[Guest]) -> dict[str, Outcome]:
    """Admit these guests concurrently, and return the outcome for each row.

    If some may have been added before, the meeting's participants are listed first. Raises RealtimeKitError when that
    fails.
    """
    known: dict[str, str] = {}
    if doubted := [guest.priority for guest in guests if guest.in_doubt]:
        known = await _known_ids(kit, meeting_id, min(doubted))
    outcomes = await asyncio.gather(
        *(_admit(kit, meeting_id, guest, known.get(guest.custom_participant_id)) for guest in guests)
    )
    return dict(zip((guest.row_id for guest in guests), outcomes, strict=True))


async def _known_ids(kit: RealtimeKit, meeting_id: str, priority: Priority) -> dict[str, str]:
    found = await kit.participants(meeting_id, priority=priority)
    return {record.custom_participant_id: record.id for record in found}


async def _admit(kit: RealtimeKit, meeting_id: str, guest: Guest, known: str | None) -> Outcome:
    try:
        known = guest.realtimekit_participant_id or known
        if known is None:
            return await _add_or_adopt(kit, meeting_id, guest)
        token = await kit.refresh_token(meeting_id, known, priority=guest.priority)
        return ParticipantRecord(known, guest.custom_participant_id, guest.preset_name, guest.name, token)
    except RealtimeKitError as error:
        return error
    except LeaseLost as error:
        return TryAgain(str(error))  # other outcomes are kept; the fence decides whether they may be written


async def _add_or_adopt(kit: RealtimeKit, meeting_id: str, guest: Guest) -> Outcome:
    """Add a person. If RealtimeKit refuses a second record of them (undocumented), use the first."""
    try:
        return await kit.add_participant(
            meeting_id,
            custom_participant_id=guest.custom_participant_id,
            name=guest.name,
            preset_name=guest.preset_name,
            priority=guest.priority,
        )
    except Conflict:
        known = (await _known_ids(kit, meeting_id, guest.priority)).get(guest.custom_participant_id)
        if known is None:
            raise
        return await _admit(kit, meeting_id, replace(guest, realtimekit_participant_id=known), known)
