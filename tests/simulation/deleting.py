"""A meeting that is deleted when none of its breakouts runs any more, with plans and what is prepared for them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlmodel import SQLModel, col

from orchestrator.services.meetings import deleting
from schemas.tables import Delivery, Endpoint, Meeting

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

AGAIN_SECONDS = 5.0
STAY = frozenset({"deployment", "sweep", "endpoint", "console_session", "api_key", "preset_rights", "alembic_version"})
"""Tables that hold what belongs to no meeting."""
BUT = {"delivery": (col(Delivery.breakout_id).is_not(None),)}
"""What of other tables belongs to the meeting. A ping tells of none, and stays with an endpoint that stays."""


def delete(run: "Simulation") -> None:
    """Delete the meeting as soon as it is made, again and again until it is gone: it is kept while a breakout runs."""
    if is_gone(run):
        return
    if run.meeting_id:
        run.request(lambda deps: deleting.delete_meeting(deps, run.meeting_id))
    run.hub.loop.call_later(AGAIN_SECONDS, delete, run)


def is_gone(run: "Simulation") -> bool:
    """Return whether the meeting was made and is deleted."""
    if not run.meeting_id:
        return False
    return run.kept.ask(f"SELECT 1 FROM {Meeting.__tablename__} WHERE id = ?", run.meeting_id) is None


def is_over(run: "Simulation") -> bool:
    """Return whether the meeting is deleted and nothing is left to do for it."""
    return is_gone(run) and run.kept.ask("SELECT 1 FROM leftover") is None


def left(run: "Simulation") -> Iterator[str]:
    """Yield what is still there of a deleted meeting, here and at RealtimeKit."""
    with run.eyes.database.reading() as session:
        for table in SQLModel.metadata.sorted_tables:
            rows = session.scalar(select(func.count()).select_from(table).where(*BUT.get(table.name, ())))
            if rows and table.name not in STAY:
                yield f"deleted: {rows} rows are left in {table.name}"
        if [it for it in session.scalars(select(Endpoint)) if it.meeting_id is not None]:
            yield "deleted: an endpoint of the meeting is left"
    if run.first_weather.refuses:
        return
    for meeting in run.world.meetings.values():
        if " · " in (meeting.title or "") and meeting.status == "ACTIVE":
            yield f"deleted: {meeting.title} is still alive"
    if run.world.meetings[run.parent].status != "ACTIVE":
        yield "deleted: RealtimeKit's main meeting did not stay as it was"
