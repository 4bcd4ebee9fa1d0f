"""What the API answers about the plans of breakouts: their settings, and how good their groups are.

However many breakouts there are, it takes a constant number of queries.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from orchestrator.domain.balance import largest_difference
from orchestrator.services.breakout.rules import named
from orchestrator.store.queries import custom_ids
from schemas.responses import AssignmentResponse, PlanResponse, RecordingSettings, RoomPresets
from schemas.tables import SAME_NAMES, Breakout, Participant, Room, Seat


def settings(session: Session, rows: Sequence[Breakout]) -> dict[str, dict[str, Any]]:
    """Return, by breakout, every setting that creating takes, and the plan."""
    names = _named_people(session, rows)
    plans = _plans(session, rows)
    return {row.id: _settings(row, names) | {"plan": plans[row.id]} for row in rows}


def _settings(row: Breakout, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        **{name: getattr(row, name) for name in SAME_NAMES},
        "assignment": AssignmentResponse(
            mode=row.mode,
            seed=row.seed,
            who=row.who,
            include_hosts=row.include_hosts,
            deal=row.deal,
            together=named(row.together, names),
            apart=named(row.apart, names),
            balance_by=row.balance_by,
        ),
        "recording": RecordingSettings(
            max_seconds=row.recording_max_seconds, file_name_prefix=row.recording_file_name_prefix
        ),
        "room_presets": RoomPresets(host=row.room_host_preset, participant=row.room_participant_preset),
    }


def _named_people(session: Session, rows: Sequence[Breakout]) -> dict[str, str]:
    """Return the callers' own ids of all who are named in rules, by our ids."""
    ids = {person for row in rows for person in chain(*row.together, *row.apart)}
    return custom_ids(session, ids) if ids else {}


def _plans(session: Session, rows: Sequence[Breakout]) -> dict[str, PlanResponse]:
    sizes = _sizes(session, [row.id for row in rows])
    values = _values(session, [row for row in rows if row.balance_by])
    return {
        row.id: PlanResponse(
            state=row.plan_state,
            spread=max(sizes[row.id], default=0) - min(sizes[row.id], default=0),
            unbalanced={name: largest_difference(values[row.id][name], len(sizes[row.id])) for name in row.balance_by},
            optimal=row.plan_optimal,
        )
        for row in rows
    }


def _sizes(session: Session, breakout_ids: Sequence[str]) -> defaultdict[str, list[int]]:
    """Return how many people belong in each room that is not deleted, by breakout."""
    statement = (
        select(col(Room.breakout_id), func.count(col(Seat.id)))
        .outerjoin(Seat, (col(Seat.room_id) == col(Room.id)) & col(Seat.wanted))
        .where(col(Room.breakout_id).in_(breakout_ids), ~col(Room.deleted), ~col(Room.dropped))
        .group_by(col(Room.breakout_id), col(Room.id))
    )
    found: defaultdict[str, list[int]] = defaultdict(list)
    for breakout_id, size in session.execute(statement):
        found[breakout_id].append(size)
    return found


def _values(session: Session, rows: Sequence[Breakout]) -> Mapping[str, Mapping[str, Counter[tuple[str, str | None]]]]:
    """Count the people of each room and value, by breakout and attribute of `balance_by`."""
    found: defaultdict[str, defaultdict[str, Counter[tuple[str, str | None]]]]
    found = defaultdict(lambda: defaultdict(Counter))
    if not rows:
        return found
    attributes = {row.id: row.balance_by for row in rows}
    statement = (
        select(col(Seat.breakout_id), col(Seat.room_id), col(Participant.attributes))
        .join(Participant, col(Participant.id) == col(Seat.participant_id))
        .where(col(Seat.breakout_id).in_(attributes), col(Seat.wanted))
    )
    for breakout_id, room_id, values in session.execute(statement):
        for name in attributes[breakout_id]:
            found[breakout_id][name][room_id, values.get(name)] += 1
    return found
