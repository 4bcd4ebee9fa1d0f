"""What a plan was before a change, kept until the solver has proven that the change is possible."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypedDict

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python
from sqlalchemy import select
from sqlmodel import col

from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.groups import seated
from schemas.responses import BreakoutSummary
from schemas.tables import Breakout, Participant

SETTINGS = (
    "name",
    "seed",
    "mode",
    "who",
    "include_hosts",
    "deal",
    "deal_is_default",
    "dealt_at",
    "room_size",
    "together",
    "apart",
    "balance_by",
    "plan_optimal",
    "continues",
    "duration_seconds",
    "countdown_seconds",
    "warn_before_seconds",
    "record",
    "recording_max_seconds",
    "recording_file_name_prefix",
    "allow_switch",
    "allow_return",
    "late_join",
    "on_room_failure",
    "room_host_preset",
    "room_participant_preset",
)
"""The columns that a change of a plan may write, besides who is kept in main."""

_SHOWN_BY = {
    "recording_max_seconds": "recording",
    "recording_file_name_prefix": "recording",
    "room_host_preset": "room_presets",
    "room_participant_preset": "room_presets",
}


PlannedRoom = tuple[str, str, int | None]
"""The id, the name and the limit of a room; in JSON a list."""
PlannedRooms = Sequence[PlannedRoom]


class Plan(TypedDict):
    """A plan as it is at one moment, as JSON."""

    settings: dict[str, Any]
    """By column."""
    start: str | None
    rooms: list[PlannedRoom]
    """In their order."""
    places: dict[str, list[Any]]
    """Of each person who has one: `[room id, pinned]`, or `[MAIN, true]`."""


class Change(TypedDict):
    """A plan before a change and right after it."""

    before: Plan
    after: Plan


MAIN = ""
"""Stands for the id of a room where an operator has moved somebody to main."""


def remember(b: LockedBreakout) -> Plan:
    """Return what the plan is now."""
    rooms = b.rooms()
    ids = {room.id for room in rooms}
    kept = {person: [MAIN, True] for person in b.row.kept_in_main}
    return {
        "settings": to_jsonable_python({name: getattr(b.row, name) for name in SETTINGS}),
        "start": to_jsonable_python(b.row.scheduled_for),
        "rooms": [(room.id, room.name, room.max_participants) for room in rooms],
        "places": kept | {it.participant_id: [it.room_id, it.pinned] for it, _ in seated(b) if it.room_id in ids},
    }


def everybody(b: LockedBreakout) -> set[str]:
    """Return our ids of the meeting's people, of whom somebody may have left for good since a change."""
    return set(b.tx.session.scalars(select(col(Participant.id)).where(col(Participant.meeting_id) == b.row.meeting_id)))


def undone(change: Change, now: Plan, people: Collection[str]) -> Plan:
    """Return the plan as it is now without the change, for these people. What has been changed since stays as it is.

    Of the start nothing is kept, because a start that waited for the change is given up with it.
    """
    before, after, now = (_among(plan, people) for plan in (change["before"], change["after"], now))
    return {
        "settings": {
            name: _merged(name, before["settings"], after["settings"], now["settings"]) for name in now["settings"]
        },
        "start": before["start"],
        "rooms": _rooms(before["rooms"], after["rooms"], now["rooms"]),
        "places": _places(before, after, now),
    }


def _among(plan: Plan, people: Collection[str]) -> Plan:
    """Return a plan without those who have left for good, whom its rules name no more. Rules for one person go."""
    settings = plan["settings"]
    rules = {
        name: [left for group in settings[name] if len(left := [it for it in group if it in people]) > 1]
        for name in ("together", "apart")
    }
    places = {person: place for person, place in plan["places"].items() if person in people}
    return {**plan, "settings": settings | rules, "places": places}


def _places(before: Plan, after: Plan, now: Plan) -> dict[str, list[Any]]:
    """Return where people are. Who has been put into a room since that goes with the change is where they were."""
    its_own = {room[0] for room in after["rooms"]} - {room[0] for room in before["rooms"]}
    found = {}
    for person in sorted(before["places"].keys() | now["places"].keys()):
        place = _merged(person, before["places"], after["places"], now["places"])
        if place is not None and place[0] in its_own:
            place = before["places"].get(person)
        if place is not None:
            found[person] = place
    return found


def _merged(name: str, before: Mapping[str, Any], after: Mapping[str, Any], now: Mapping[str, Any]) -> Any:
    """Return the value before a change, unless it is another one now than right after the change."""
    return before.get(name) if now.get(name) == after.get(name) else now.get(name)


def _rooms(before: PlannedRooms, after: PlannedRooms, now: PlannedRooms) -> list[PlannedRoom]:
    """Return the rooms before a change in their order, without those deleted since, and then those added since."""
    was, then, here = ({room[0]: room for room in rooms} for rooms in (before, after, now))
    added = [room for room in now if room[0] not in was and room[0] not in then]
    taken = {room[1] for room in now if room[0] in was or room in added}
    kept = list[PlannedRoom]()
    for room_id, name, limit in before:
        if room_id in here:
            kept.append((room_id, here[room_id][1], _limit(limit, then.get(room_id), here[room_id])))
        elif room_id not in then and name not in taken:
            kept.append((room_id, name, limit))
    return kept + added


def _limit(before: int | None, after: PlannedRoom | None, now: PlannedRoom) -> int | None:
    return before if after is None or now[2] == after[2] else now[2]


def both(first: Change, second: Change, people: Collection[str]) -> Change:
    """Return two changes as one, to be taken back together. What was changed between them stays."""
    return {"before": undone(first, second["before"], people), "after": second["after"]}


def write_settings(b: LockedBreakout, settings: Mapping[str, Any]) -> None:
    """Give the plan these settings."""
    for name, value in settings.items():
        setattr(b.row, name, _adapter(name).validate_python(value))


def shown(settings: Iterable[str]) -> list[str]:
    """Return the fields of B that show these settings, besides `assignment`."""
    names = {_SHOWN_BY.get(name, name) for name in settings}
    return sorted(names & set(BreakoutSummary.model_fields))


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    kind: Any = Breakout.model_fields[name].annotation
    return TypeAdapter(kind)
