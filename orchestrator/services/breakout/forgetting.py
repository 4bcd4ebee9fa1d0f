"""Forgetting who was in a breakout that ended long ago. The people stay registered in their meeting.

Seats and stays get somebody else who stands for each person, so that reports still tell how many were where and when.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import bindparam, or_, select, update
from sqlmodel import Session, SQLModel, col

from orchestrator.domain.erasing import ERASED_TEXT, Eraser, EraserOfAll, is_stand_in, stand_in
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.erasing import erase_names
from orchestrator.store.queries import hash_key, holds
from schemas.columns import new_id
from schemas.events import ActorKind
from schemas.tables import IS_FORMER, Breakout, Event, Participant, Presence, Room, Seat, Solve, Visit


def eraser_of_all(b: LockedBreakout) -> Eraser:
    """Return what takes everybody out of what is stored of this breakout, and all its texts."""
    return EraserOfAll(hash_key(b.tx.session), b.row.meeting_id)


def forget_people(b: LockedBreakout, eraser: Eraser) -> None:
    """Take all that names a person out of a breakout that has ended. `eraser` is that of all."""
    session, key = b.tx.session, hash_key(b.tx.session)
    people = _people(b)
    erase_names(b, eraser)
    of_breakout = col(Seat.breakout_id) == b.row.id
    session.execute(
        update(Seat).where(of_breakout).values(name_at_realtimekit=None, preset_at_realtimekit=None, auth_token=None)
    )
    session.execute(update(Seat).where(of_breakout, col(Seat.error).is_not(None)).values(error=ERASED_TEXT))
    instead = _instead(b, people, key)
    _replace(b, instead)
    _rename_in_rules(b, instead)
    b.row.names_kept = False
    session.flush()
    _forget_departed(session, b.row.meeting_id, key)


def _people(b: LockedBreakout) -> Sequence[Participant]:
    """Return everybody of whom a seat, a stay or a rule of the breakout speaks, and who is not erased."""
    rooms = select(col(Room.id)).where(col(Room.breakout_id) == b.row.id)
    visited = select(col(Visit.participant_id)).where(col(Visit.room_id).in_(rooms))
    seated = select(col(Seat.participant_id)).where(col(Seat.breakout_id) == b.row.id)
    stayed = select(col(Presence.participant_id)).where(col(Presence.room_id).in_(rooms))
    named = set(chain(*b.row.together, *b.row.apart, b.row.kept_in_main))
    which = or_(*(col(Participant.id).in_(some) for some in (seated, stayed, visited, named)))
    people = b.tx.session.scalars(select(Participant).where(which).order_by(col(Participant.id)))
    return [person for person in people if not is_stand_in(person.custom_participant_id)]


def _instead(b: LockedBreakout, people: Sequence[Participant], key: str) -> dict[str, str]:
    """Return the id of who stands for each of these people, by theirs.

    Somebody stands for a person in all breakouts of the meeting, or there would be as many as breakouts.
    """
    session, meeting_id = b.tx.session, b.row.meeting_id
    names = {person.id: stand_in(key, meeting_id, person.custom_participant_id) for person in people}
    mine = col(Participant.former_meeting_id) == meeting_id, holds(Participant, IS_FORMER)
    found = session.scalars(
        select(Participant).where(*mine, col(Participant.custom_participant_id).in_(names.values()))
    )
    known = {(it.custom_participant_id, it.created_at, it.role): it.id for it in found}
    new = [
        Participant(
            id=new_id(),
            former_meeting_id=meeting_id,
            custom_participant_id=names[person.id],
            name=names[person.id],
            role=person.role,
            created_at=person.created_at,
        )
        for person in people
        if (names[person.id], person.created_at, person.role) not in known
    ]
    session.add_all(new)
    session.flush()
    known |= {(it.custom_participant_id, it.created_at, it.role): it.id for it in new}
    return {person.id: known[names[person.id], person.created_at, person.role] for person in people}


def _replace(b: LockedBreakout, instead: Mapping[str, str]) -> None:
    """Let others stand for people in all rows of the breakout: seats, stays, requests for help.

    The tables are found by their foreign keys. Rows that belong to a room belong to its breakout. All people of a table
    are sent together, because SQLite lets nobody else write until a crowd is through.
    """
    if not instead:
        return
    rooms = select(col(Room.id)).where(col(Room.breakout_id) == b.row.id)
    people = [{"of_person": person_id, "other": other_id} for person_id, other_id in instead.items()]
    for table in SQLModel.metadata.sorted_tables:
        columns = [key.parent for key in table.foreign_keys if key.column.table.name == Participant.__tablename__]
        for column in columns:
            of_breakout = table.c.breakout_id == b.row.id if "breakout_id" in table.c else table.c.room_id.in_(rooms)
            theirs = update(table).where(column == bindparam("of_person"), of_breakout)
            b.tx.session.connection().execute(theirs.values({column.name: bindparam("other")}), people)


def _rename_in_rules(b: LockedBreakout, instead: Mapping[str, str]) -> None:
    def renamed(groups: list[list[str]]) -> list[list[str]]:
        return [[instead.get(person, person) for person in group] for group in groups]

    b.row.together, b.row.apart = renamed(b.row.together), renamed(b.row.apart)
    b.row.kept_in_main = []
    solve = b.tx.session.get(Solve, b.row.id)
    if solve is not None:
        solve.earlier = None


def _forget_departed(session: Session, meeting_id: str, key: str) -> None:
    """Erase people who have left the meeting for good, and whom nothing names any more that is kept."""
    left = _departed_without_traces(session, meeting_id)
    hosts = _hosts_in_kept_logs(session, meeting_id) if left else set()
    for person in (it for it in left if it.custom_participant_id not in hosts):
        name = stand_in(key, meeting_id, person.custom_participant_id)
        person.custom_participant_id = person.name = name
        person.attributes, person.preset_name = {}, None
        person.name_at_realtimekit = person.preset_at_realtimekit = None
    session.flush()


def _departed_without_traces(session: Session, meeting_id: str) -> Sequence[Participant]:
    """Return who has left for good, is not erased, and has neither seat nor stay in a breakout that keeps its names.

    In others somebody else stands for them by now.
    """
    mine = col(Participant.former_meeting_id) == meeting_id, holds(Participant, IS_FORMER)
    of = col(Participant.id)
    traces: tuple[Any, ...] = (
        select(Seat).where(col(Seat.participant_id) == of),
        select(Visit).where(col(Visit.participant_id) == of),
        select(Presence).where(col(Presence.participant_id) == of, col(Presence.room_id).is_not(None)),
    )
    statement = select(Participant).where(*mine, *(~it.exists() for it in traces)).order_by(of)
    return [it for it in session.scalars(statement) if not is_stand_in(it.custom_participant_id)]


def _hosts_in_kept_logs(session: Session, meeting_id: str) -> set[str]:
    """Return the hosts of whom logs that are kept tell what they have done. They need no seat for that."""
    kept = select(col(Breakout.id)).where(col(Breakout.meeting_id) == meeting_id, col(Breakout.names_kept))
    host = ActorKind.HOST.named("")
    actors = select(col(Event.actor)).where(col(Event.breakout_id).in_(kept), col(Event.actor).startswith(host))
    return {actor.removeprefix(host) for actor in session.scalars(actors.distinct())}
