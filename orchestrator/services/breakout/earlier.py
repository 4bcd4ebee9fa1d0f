"""What a plan was before a change, kept until the solver has proven that the change is possible."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.groups import Placed, seated
from schemas.responses import BreakoutSummary
from schemas.tables import Breakout

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
    "keeps_groups",
    "kept_in_main",
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
"""The columns that a change of a plan may write."""

_SHOWN_BY = {
    "recording_max_seconds": "recording",
    "recording_file_name_prefix": "recording",
    "room_host_preset": "room_presets",
    "room_participant_preset": "room_presets",
}

Earlier = dict[str, Any]
"""As it is stored: `settings` by column, `start`, `rooms` as [name, limit], `seats` as [room name, person, pinned]."""


def remember(b: LockedBreakout) -> Earlier:
    """Return what the plan is now."""
    rooms = b.rooms()
    names = {room.id: room.name for room in rooms}
    return {
        "settings": to_jsonable_python({name: getattr(b.row, name) for name in SETTINGS}),
        "start": to_jsonable_python(b.row.scheduled_for),
        "rooms": [[room.name, room.max_participants] for room in rooms],
        "seats": [[names[it.room_id], it.participant_id, it.pinned] for it, _ in seated(b) if it.room_id in names],
    }


def before_both(first: Earlier | None, second: Earlier | None) -> Earlier | None:
    """Return what the plan was before the first of two changes; None for a plan that is new."""
    if first is None or second is None:
        return None
    return {**first, "settings": {**second["settings"], **first["settings"]}}


def differences(b: LockedBreakout, before: Earlier) -> Earlier:
    """Return what the plan was, with those settings alone that are others now, so that only they are taken back."""
    now = remember(b)["settings"]
    return {**before, "settings": {name: was for name, was in before["settings"].items() if now[name] != was}}


def write_settings(b: LockedBreakout, before: Earlier) -> None:
    """Give the plan its earlier settings again."""
    for name, value in before["settings"].items():
        setattr(b.row, name, _adapter(name).validate_python(value))


def shown(before: Earlier) -> list[str]:
    """Return the fields of B that show these settings, besides `assignment`."""
    names = {_SHOWN_BY.get(name, name) for name in before["settings"]}
    return sorted(names & set(BreakoutSummary.model_fields))


def places(before: Earlier, room_ids: Mapping[str, str]) -> list[Placed]:
    """Return who sat where; `room_ids` has the present id of each room by its name."""
    return [Placed(room_ids[room], person, pinned) for room, person, pinned in before["seats"]]


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    kind: Any = Breakout.model_fields[name].annotation
    return TypeAdapter(kind)
