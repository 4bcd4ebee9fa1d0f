"""Changing a draft or scheduled breakout: every setting that creating takes, its start, and dealing it anew."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import update
from sqlmodel import col

from orchestrator.domain.distribution import random_seed
from orchestrator.errors import Malformed
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.changes import require_planned
from orchestrator.services.breakout.dealing import deal_on_request
from orchestrator.services.breakout.earlier import Plan, remember
from orchestrator.services.breakout.locked import locked
from orchestrator.services.breakout.opening import STARTED
from orchestrator.services.breakout.planned import make_draft, schedule, start_now
from orchestrator.services.breakout.preparing import plan_preparation
from orchestrator.services.breakout.rights import want_rights
from orchestrator.services.breakout.rules import has_rules, named
from orchestrator.services.breakout.seating import dealable
from orchestrator.services.deps import Deps
from orchestrator.services.planning.rooms import continue_from, set_rooms
from orchestrator.services.planning.settings import RULES, columns, when_dealt
from orchestrator.store.queries import custom_ids, lock_meeting
from orchestrator.store.versions import PLACES
from schemas.requests import (
    ROOM_SOURCES,
    BreakoutChange,
    BreakoutRequest,
    PlanSettings,
    RoundsRequest,
    ShuffleRequest,
)
from schemas.states import RUNNING, AssignmentMode, BreakoutState, Deal, RoomWanted
from schemas.tables import SAME_NAMES, Seat


def change(deps: Deps, breakout_id: str, body: BreakoutChange) -> bool:
    """Change settings of a plan. Returns whether it was started.

    Objects are merged field by field, and lists are replaced. Other rooms or another assignment deal anew; pinned
    people stay. Raises Unknown, WrongState, Malformed.
    """
    with locked(deps, breakout_id) as b:
        if body.model_fields_set == {"start"} and body.start == "now" and b.row.state in RUNNING:
            return False  # it has been started, perhaps by this request when it was sent before
        require_planned(b, "change its settings")
        if body.start == "now":
            lock_meeting(b.tx, b.row.meeting_id)  # a meeting is locked before rooms
        before, dealt = _as_request(b), b.row.deal
        wish = _merged(before, body.model_dump(exclude_unset=True, exclude={"start"}), of_series=b.row.series_id)
        earlier = remember(b) if any(getattr(wish.assignment, rule) for rule in RULES) else None
        _write_columns(b, wish)
        want_rights(b.tx, b.row)
        is_dealt = _change_rooms(b, wish, body) or _deals_otherwise(before, _as_request(b))
        if is_dealt:
            _deal_anew(b, wish, earlier)
        changed = _differences(before, _as_request(b)) | (set(PLACES) if is_dealt else set())
        if b.row.deal is not dealt:
            changed.add("assignment")  # a default is another one where the rooms are others
        if "start" in body.model_fields_set:
            changed |= _forget_time(b) if body.start == "now" else _change_start(b, body.start)
        if changed:
            b.change_by_operator(sorted(changed))
        if body.start == "now" and start_now(b):
            b.count_change(*STARTED)
        return body.start == "now"


def shuffle(deps: Deps, breakout_id: str, body: ShuffleRequest) -> None:
    """Deal the people of a plan evenly anew. Raises Unknown, WrongState, Malformed when somebody finds no place."""
    with locked(deps, breakout_id) as b:
        require_planned(b, "be shuffled")
        earlier = remember(b) if has_rules(b.row) else None
        b.row.mode, b.row.continues = AssignmentMode.EVEN, None
        b.row.seed = body.seed if body.seed is not None else random_seed()
        b.lock_rooms()
        if not body.keep_pinned:
            b.row.kept_in_main = []
            pinned = update(Seat).where(col(Seat.breakout_id) == b.row.id, col(Seat.pinned))
            b.tx.session.execute(pinned.values(pinned=False))
        deal_on_request(b, earlier)
        b.change_by_operator(sorted(["assignment", "seed", *PLACES]))


def _as_request(b: LockedBreakout) -> dict[str, Any]:
    """Return the settings of a plan in the form in which a request has them, without its rooms and its start."""
    row = b.row
    names = custom_ids(b.tx.session, {person for group in row.together + row.apart for person in group})
    return {
        "name": row.name,
        **{name: getattr(row, name) for name in SAME_NAMES},
        "assignment": {
            "mode": row.mode,
            "seed": row.seed,
            "who": row.who,
            "include_hosts": row.include_hosts,
            "deal": None if row.deal_is_default else row.deal,
            "together": named(row.together, names),
            "apart": named(row.apart, names),
            "balance_by": row.balance_by,
        },
        "recording": {"max_seconds": row.recording_max_seconds, "file_name_prefix": row.recording_file_name_prefix},
        "room_presets": {"host": row.room_host_preset, "participant": row.room_participant_preset},
    }


def _merged(before: Mapping[str, Any], change: Mapping[str, Any], of_series: str | None) -> PlanSettings:
    """Return the settings as they are to be. Raises Malformed for what creating would not take.

    A round takes what creating rounds takes.
    """
    merged = {name: value for name, value in before.items() if name != "room_size"}
    for name, value in change.items():
        merged[name] = merged[name] | value if isinstance(value, dict) else value
    if all(merged.get(source) is None for source in ROOM_SOURCES):
        is_by_size = before["room_size"] is not None and "room_size" not in change
        merged |= {"room_size": before["room_size"]} if is_by_size else {"rooms": 1}
    try:
        return (
            RoundsRequest.model_validate(merged | {"rounds": 1})
            if of_series
            else BreakoutRequest.model_validate(merged)
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise Malformed(first["msg"].removeprefix("Value error, "), ("body", *first["loc"])) from error


def _change_rooms(b: LockedBreakout, wish: PlanSettings, body: BreakoutChange) -> bool:
    """Give the plan the rooms that a request asks for. Returns whether they are others than before."""
    if wish.from_breakout is not None:
        continue_from(b, wish.from_breakout)
        return True
    if body.rooms is not None:
        before = _rooms_and_pins(b)
        set_rooms(b, body.rooms)
        return _rooms_and_pins(b) != before
    return False


def _rooms_and_pins(b: LockedBreakout) -> list[tuple[str, int | None, set[str]]]:
    rooms = b.rooms()
    seats = b.seats_of_rooms([room.id for room in rooms])
    return [
        (room.id, room.max_participants, {seat.participant_id for seat in seats[room.id] if seat.pinned})
        for room in rooms
    ]


def _write_columns(b: LockedBreakout, wish: PlanSettings) -> None:
    """Write the settings into the row. A plan that asks for no certain seed gets another one."""
    for name, value in columns(b.tx, b.row.meeting_id, wish).items():
        setattr(b.row, name, value)
    asked = wish.assignment
    b.row.name = wish.name or b.row.name
    b.row.seed = asked.seed if asked.seed is not None else random_seed()
    b.row.deal_is_default = asked.deal is None
    b.row.deal = asked.deal or b.row.deal


def _deals_otherwise(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether the same rooms are dealt otherwise."""
    return any(before[name] != after[name] for name in ("assignment", "room_size"))


def _deal_anew(b: LockedBreakout, wish: PlanSettings, before: Plan | None) -> None:
    """Deal a changed plan. When it is dealt for good is decided anew, unless it is prepared."""
    if wish.from_breakout is None:
        b.row.continues = None
    b.row.deal = when_dealt(wish, anybody=bool(dealable(b).ids))
    is_prepared = any(room.wanted is not RoomWanted.NOTHING for room in b.rooms())
    if not is_prepared:
        b.row.dealt_at = b.now if b.row.deal is Deal.NOW else None
    deal_on_request(b, before)
    if b.row.starts_at is not None and not is_prepared:
        plan_preparation(b, b.row.starts_at)


def _change_start(b: LockedBreakout, start: datetime | str) -> set[str]:
    """Schedule the start, or leave it to a caller, also in a round that waits. Returns the fields that have changed."""
    if isinstance(start, datetime):
        if start == b.row.scheduled_for:
            return set()
        schedule(b, start)
    elif b.row.state is BreakoutState.SCHEDULED:
        make_draft(b)
    elif b.row.awaits_round:
        b.row.awaits_round = False
        return {"scheduled_for"}
    else:
        return set()
    return {"scheduled_for", "starts_at", "state"}


def _forget_time(b: LockedBreakout) -> set[str]:
    """Take away the time that was asked for, because another start is. Returns the fields that have changed."""
    was_set, b.row.scheduled_for = b.row.scheduled_for is not None, None
    return {"scheduled_for"} if was_set else set()


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    changed = {name for name, value in after.items() if before[name] != value}
    return changed | ({"seed"} if before["assignment"]["seed"] != after["assignment"]["seed"] else set())
