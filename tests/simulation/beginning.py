"""How a run begins: a meeting with people, a breakout or rounds, and their start."""

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlmodel import Session, col

from orchestrator.services.breakout import operations
from orchestrator.services.idempotency.keys import Reply, once_for
from orchestrator.services.meetings import creating as meetings
from schemas.requests import MeetingRequest
from schemas.tables import Meeting, Participant
from tests.simulation import plans

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

AGAIN_SECONDS = 1.0
START_AFTER = {plans.PLAN: 6.0, plans.IMPORTED: 4.0}
"""How long after it was made a plan is started by hand, so that it may be changed before."""
PREPARED_SECONDS = 5.0
SCHEDULED_SECONDS = 12.0


def gather(run: "Simulation") -> None:
    """Make the parent meeting, and register its people, under one Idempotency-Key."""
    people = [person.registered for person in run.people]
    body = MeetingRequest.model_validate({"title": "run", "participants": people})
    once = once_for("simulation", "meetings", f"at {run.hub.loop.time()}", body.model_dump_json().encode())

    def made(reply: Reply | None) -> None:
        if reply is None:  # RealtimeKit has refused it
            run.hub.loop.call_later(AGAIN_SECONDS, gather, run)
            return
        run.meeting_id = json.loads(reply.body)["id"]
        _know(run)
        run.streams.wake()
        run.callers.come()

    run.request(lambda deps: meetings.create_once(deps, once, body, _id), made)


def _id(_: Session, row_id: str) -> Reply:
    return Reply(201, json.dumps({"id": row_id}, separators=(",", ":")))


def _know(run: "Simulation") -> None:
    with run.eyes.database.reading() as session:
        run.parent = session.get_one(Meeting, run.meeting_id).realtimekit_meeting_id
        ids = dict(session.execute(select(col(Participant.custom_participant_id), col(Participant.id))).all())
    for person in run.people:
        person.row_id = ids[person.name]


def plan(run: "Simulation", kind: str, body: dict[str, Any]) -> None:
    """Make the breakout or the rounds, and start them in one of several ways. What is impossible is made plainer."""
    if not run.meeting_id:
        run.hub.loop.call_later(AGAIN_SECONDS, plan, run, kind, body)
        return
    way = run.luck.unusual("start", 0.4, ("at once", "prepared", "scheduled"), "by hand")
    starts = {"at once": "now", "scheduled": run.time(SCHEDULED_SECONDS)}

    def made(ids: list[str] | None) -> None:
        if ids is None:  # nobody would have a place, or the time of its start was past when the API came to it
            run.hub.loop.call_later(AGAIN_SECONDS, plan, run, kind, body | plans.spare(body))
        else:
            _start_later(run, kind, way, ids[0])

    if kind == plans.IMPORTED:
        plans.bring_file(run, made)
    else:
        plans.ask(run, body | {"start": starts.get(way, "manual")}, made)


def _start_later(run: "Simulation", kind: str, way: str, breakout_id: str) -> None:
    if way == "prepared":
        run.request(lambda deps: operations.prepare(deps, breakout_id))
    if way in ("by hand", "prepared") or kind == plans.IMPORTED:
        seconds = max(START_AFTER.get(kind, 0.0), PREPARED_SECONDS if way == "prepared" else 0.0)
        run.hub.loop.call_later(seconds, _start, run, breakout_id)


def _start(run: "Simulation", breakout_id: str) -> None:
    run.request(lambda deps: operations.start(deps, breakout_id))
