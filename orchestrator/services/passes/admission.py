"""Admitting people to a parent or child meeting: each is added once, or adopted if an unrecorded try has added them."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_
from sqlmodel import col

from orchestrator.errors import Conflict, LeaseLost, NotFound, RealtimeKitError, Refused, TryAgain
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import ParticipantRecord
from schemas.states import Role
from schemas.tables import Admission, Breakout, Meeting, Participant, Seat


@dataclass(frozen=True)
class Guest:
    """A person who needs a token for one meeting. `row_id` is the id of their seat or participant row."""

    row_id: str
    custom_participant_id: str
    name: str = field(repr=False)
    preset_name: str
    in_doubt: bool
    realtimekit_participant_id: str | None = None
    name_at_realtimekit: str | None = field(default=None, repr=False)
    preset_at_realtimekit: str | None = None
    priority: Priority = Priority.OPENING
    has_token: bool = False
    """Whether they have a good token, so that nobody waits for the next one."""

    def is_admitted_as(self, record: ParticipantRecord) -> bool:
        """Return whether their record has the name and the preset that they should have."""
        return (record.name, record.preset_name) == (self.name, self.preset_name)

    @property
    def record(self) -> ParticipantRecord | None:
        """Their record as far as it is known."""
        if self.realtimekit_participant_id is None:
            return None
        known = self.preset_at_realtimekit or "", self.name_at_realtimekit or ""
        return ParticipantRecord(self.realtimekit_participant_id, self.custom_participant_id, *known)


Outcome = ParticipantRecord | RealtimeKitError


def first_to_retry(outcomes: Iterable[object]) -> RealtimeKitError | None:
    """Return the failure that may be tried again first; None when there is none but refusals."""
    found = [it for it in outcomes if isinstance(it, RealtimeKitError) and not isinstance(it, Refused)]
    return min(found, key=lambda it: (it.retry_after or 0.0) if isinstance(it, TryAgain) else 0.0, default=None)


def waited_for(guests: Iterable[Guest], outcomes: Mapping[str, Outcome]) -> list[Outcome]:
    """Return the outcomes for people who have no good token."""
    return [outcomes[guest.row_id] for guest in guests if guest.row_id in outcomes and not guest.has_token]


def stays_in_doubt(outcome: Outcome, *, before: bool) -> bool:
    """Return whether a person may have been added without our knowing. An older doubt ends only with an admission."""
    if isinstance(outcome, ParticipantRecord):
        return False
    return before or not isinstance(outcome, TryAgain | Refused)


def without_names(words: str, guests: Iterable[Guest]) -> str:
    """Return RealtimeKit's words for a task's result, or a substitute if they name somebody: Flower shows results."""
    named = any(guest.name in words or guest.custom_participant_id in words for guest in guests)
    return "see the breakout's problems" if named else words


def differs(of: type[Admission]) -> ColumnElement[bool]:
    """Return the condition that a known record has another name or preset than the person.

    It is for statements that join Participant and Meeting, for seats Breakout too.
    """
    return and_(col(of.realtimekit_participant_id).is_not(None), not_as_sent(of))


def not_as_sent(of: type[Admission]) -> ColumnElement[bool]:
    """Return the condition that RealtimeKit was last sent another name or preset than the person has now."""
    return or_(
        col(of.name_at_realtimekit).is_distinct_from(col(Participant.name)),
        col(of.preset_at_realtimekit).is_distinct_from(preset(of)),
    )


def preset(of: type[Admission]) -> ColumnElement[Any]:
    """Return the preset that a person has, for the same statements."""
    return func.coalesce(col(Participant.preset_name), _preset_in_rooms() if of is Seat else _preset_in_main())


def _preset_in_main() -> ColumnElement[Any]:
    return _by_role(col(Meeting.host_preset), col(Meeting.participant_preset))


def _preset_in_rooms() -> ColumnElement[Any]:
    of_breakout = _by_role(col(Breakout.room_host_preset), col(Breakout.room_participant_preset))
    of_meeting = _by_role(col(Meeting.room_host_preset), col(Meeting.room_participant_preset))
    return func.coalesce(of_breakout, of_meeting, _preset_in_main())


def _by_role(of_hosts: Any, of_others: Any) -> ColumnElement[Any]:
    return case((col(Participant.role) == Role.HOST, of_hosts), else_=of_others)


async def admit_all(kit: RealtimeKit, meeting_id: str, guests: Sequence[Guest]) -> dict[str, Outcome]:
    """Admit these guests concurrently, and return the outcome for each row.

    1. If some may have been added before, list the meeting's participants.
    2. Add each person, or ask for a token for the record that is there. A record with another name or preset is edited.
    3. Records that are gone at RealtimeKit are looked for in the list, and made anew.
    4. People who were refused are looked for in the list: how RealtimeKit refuses a second record is undocumented.

    Raises RealtimeKitError when the first list fails.
    """
    doubted = [guest.priority for guest in guests if guest.in_doubt and guest.record is None]
    known = await _known(kit, meeting_id, min(doubted)) if doubted else {}
    outcomes = await _admit_each(kit, meeting_id, guests, known)
    gone = [it for it in guests if it.record is not None and isinstance(outcomes[it.row_id], NotFound)]
    refused = [it for it in guests if it.record is None and isinstance(outcomes[it.row_id], Refused)]
    outcomes |= await _admit_anew(kit, meeting_id, gone) if gone else {}
    return outcomes | (await _adopt(kit, meeting_id, refused, outcomes) if refused else {})


async def _known(kit: RealtimeKit, meeting_id: str, priority: Priority) -> dict[str, ParticipantRecord]:
    found = await kit.participants(meeting_id, priority=priority)
    return {record.custom_participant_id: record for record in found}


async def _admit_each(
    kit: RealtimeKit, meeting_id: str, guests: Sequence[Guest], known: Mapping[str, ParticipantRecord]
) -> dict[str, Outcome]:
    admitted = (_admit(kit, meeting_id, it, it.record or known.get(it.custom_participant_id)) for it in guests)
    outcomes = await asyncio.gather(*admitted)
    return dict(zip((guest.row_id for guest in guests), outcomes, strict=True))


async def _admit_anew(kit: RealtimeKit, meeting_id: str, gone: Sequence[Guest]) -> dict[str, Outcome]:
    """Admit people whose records were deleted. An earlier, unrecorded pass may have done so."""
    try:
        known = await _known(kit, meeting_id, min(guest.priority for guest in gone))
    except RealtimeKitError as error:
        return {guest.row_id: error for guest in gone}
    return await _admit_each(kit, meeting_id, [replace(it, realtimekit_participant_id=None) for it in gone], known)


async def _adopt(
    kit: RealtimeKit, meeting_id: str, refused: Sequence[Guest], outcomes: Mapping[str, Outcome]
) -> dict[str, Outcome]:
    """Return the outcomes for those of the refused whose record is there after all.

    The list may lag, so people who are there, or who may be, are looked for once more a little later. Whose record is
    gone by then are added once more: it was that of their earlier time in the meeting, which they had left for good.
    """
    priority = min(guest.priority for guest in refused)
    try:
        known = await _known(kit, meeting_id, priority)
        unseen = [it for it in refused if it.custom_participant_id not in known]
        if any(it.in_doubt or isinstance(outcomes[it.row_id], Conflict) for it in unseen):
            await asyncio.sleep(kit.settle_seconds)
            known = await _known(kit, meeting_id, priority)
    except RealtimeKitError as error:
        return {guest.row_id: error for guest in refused}
    except LeaseLost as error:
        return {guest.row_id: TryAgain(str(error)) for guest in refused}
    there = [guest for guest in refused if guest.custom_participant_id in known]
    adopted = await _admit_each(kit, meeting_id, there, known)
    freed = [it for it in refused if isinstance(adopted.get(it.row_id, outcomes[it.row_id]), Conflict | NotFound)]
    return adopted | await _admit_each(kit, meeting_id, freed, {})


async def _admit(kit: RealtimeKit, meeting_id: str, guest: Guest, record: ParticipantRecord | None) -> Outcome:
    try:
        if record is None:
            return await kit.add_participant(
                meeting_id,
                custom_participant_id=guest.custom_participant_id,
                name=guest.name,
                preset_name=guest.preset_name,
                priority=guest.priority,
            )
        token = None
        if not guest.is_admitted_as(record):
            token = await kit.edit_participant(
                meeting_id, record.id, name=guest.name, preset_name=guest.preset_name, priority=guest.priority
            )
        token = token or await kit.refresh_token(meeting_id, record.id, priority=guest.priority)
        return replace(record, name=guest.name, preset_name=guest.preset_name, token=token)
    except RealtimeKitError as error:
        return error
    except LeaseLost as error:
        return TryAgain(str(error))  # other outcomes are kept; the fence decides whether they may be written
