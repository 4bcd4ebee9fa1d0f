"""The story of a run: a meeting, a breakout that opens and closes, and whatever is done meanwhile."""

import json
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.idempotency import keys
from orchestrator.services.idempotency.keys import Reply, once_for
from orchestrator.services.meetings import creating as meetings
from orchestrator.services.planning import creating as planning
from schemas.requests import BreakoutRequest, MeetingRequest
from schemas.states import ENDED, LIVE, PLANNED, BreakoutState
from schemas.tables import Meeting, Participant
from tests.chaos.switches import CHOICES
from tests.simulation.actions import ACTIONS, Action, do
from tests.simulation.facts import facts, rules
from tests.simulation.people import HABITS, Person
from tests.simulation.simulation import START, Simulation
from tests.support.invariants import violations

GATHER_AT, PLAN_AT, ACT_FROM = 0.0, 3.0, 3.5
CALM_AT = 45.0
"""From then on nothing goes wrong any more, and what is still open is closed."""
END_AT = 400.0
"""By then everything must be over."""
LOOK_SECONDS = 1.0
MOST_ACTIONS = 6


def play(run: Simulation) -> None:
    """Play one lifecycle, and check what is left of it."""
    shape = run.luck.random("shape")
    people = run.luck.unusual("people", 0.6, (1, 3, 5), 2)
    _turn_switches(run)
    run.people = [
        Person(run, f"p{number}", run.luck.unusual(f"p{number} is", 0.25, HABITS, "")) for number in range(people)
    ]
    body = _body(run)
    run.hub.loop.call_at(START + GATHER_AT, _gather, run)
    run.hub.loop.call_at(START + PLAN_AT, _plan, run, body)
    count = shape.randrange(MOST_ACTIONS + 1)
    end = PLAN_AT + body.get("duration_seconds", 30) + 10
    for number in range(count):
        at, what = shape.uniform(ACT_FROM, end), shape.choice(ACTIONS)
        name = f"action {number + 1}"
        if run.luck.allows(name):
            run.hub.loop.call_at(START + at, _act, run, name, what)
    if not run.advance(CALM_AT, lambda: _is_over(run)):
        _calm(run)
        run.advance(END_AT, lambda: _is_over(run))
    if not run.violations and not _has_ended(run):
        run.fail(f"nothing ends: {_state(run)}")
    if not run.violations:
        left = facts(run)
        for event in left.log:
            run.tell_later(event)
        run.violations += violations(left, *rules(run))


def _turn_switches(run: Simulation) -> None:
    """Turn some of what RealtimeKit does not document the other way."""
    for name, (usual, *others) in CHOICES.items():
        if not name.startswith("webhook"):
            setattr(run.world.config.switches, name, run.luck.unusual(f"switch {name}", run.weather.odd, others, usual))


def _body(run: Simulation) -> dict[str, Any]:
    """Return the request of the breakout. What is usual is small."""
    unusual = run.luck.unusual
    body: dict[str, Any] = {
        "name": "run",
        "rooms": unusual("rooms", 0.2, (1, 3), 2),
        "countdown_seconds": unusual("countdown", 0.3, (0, 5), 1),
        "assignment": {"seed": 1},
        "start": "manual",
    }
    if unusual("recorded", 0.4, (True,), False):
        body["record"] = True
    if seconds := unusual("timer", 0.3, (0, 25), 12):
        body["duration_seconds"] = seconds
    if where := unusual("a failed room", 0.2, ("keep", "abort"), ""):
        body["on_room_failure"] = where
    return body


def _gather(run: Simulation) -> None:
    """Make the parent meeting, and register its people, under one Idempotency-Key."""
    people = [{"custom_participant_id": person.name, "name": person.name} for person in run.people]
    body = MeetingRequest.model_validate({"title": "run", "participants": people})
    once = once_for("simulation", "meetings", f"at {run.hub.loop.time()}", body.model_dump_json().encode())

    def made(reply: Reply | None) -> None:
        if reply is None:  # RealtimeKit has refused it
            run.hub.loop.call_later(LOOK_SECONDS, _gather, run)
            return
        run.meeting_id = json.loads(reply.body)["id"]
        _know(run)
        run.streams.wake()

    run.request(lambda deps: meetings.create_once(deps, once, body, _id), made)


def _id(_: Session, row_id: str) -> Reply:
    return Reply(201, json.dumps({"id": row_id}))


def _know(run: Simulation) -> None:
    with run.eyes.database.reading() as session:
        run.parent = session.get_one(Meeting, run.meeting_id).realtimekit_meeting_id
        ids = dict(session.execute(select(col(Participant.custom_participant_id), col(Participant.id))).all())
    for person in run.people:
        person.row_id = ids[person.name]


def _plan(run: Simulation, body: dict[str, Any]) -> None:
    """Create the breakout under an Idempotency-Key, and start it in one of several ways."""
    if not run.meeting_id:
        run.hub.loop.call_later(LOOK_SECONDS, _plan, run, body)
        return
    way = run.luck.unusual("start", 0.4, ("at once", "prepared", "scheduled"), "by hand")
    if way == "at once":
        body = body | {"start": "now"}
    elif way == "scheduled":
        body = body | {"start": run.time(12.0)}
    request = BreakoutRequest.model_validate(body)
    once = once_for("simulation", "breakouts", f"at {run.hub.loop.time()}", json.dumps(body, default=str).encode())

    def create(deps: Deps) -> Reply:
        return keys.run(deps, once, lambda within: planning.create(within, run.meeting_id, request), _id)

    def created(reply: Reply | None) -> None:
        if reply is None:  # the time of its start was past when the API came to it
            run.hub.loop.call_later(LOOK_SECONDS, _plan, run, body)
            return
        run.breakout_id = json.loads(reply.body)["id"]
        if way == "prepared":
            run.request(lambda deps: operations.prepare(deps, run.breakout_id))
        if way in ("by hand", "prepared"):
            run.hub.loop.call_later(5.0 if way == "prepared" else 0.0, _start, run)

    run.request(create, created)


def _start(run: Simulation) -> None:
    run.request(lambda deps: operations.start(deps, run.breakout_id))


def _act(run: Simulation, name: str, what: Action) -> None:
    if run.breakout_id:
        run.luck.note(name, what.__name__.replace("_", " "))
        do(run, what, run.luck.random(name))


def _calm(run: Simulation) -> None:
    """Let nothing go wrong any more, and end what is still open."""
    run.calm()
    state = _state(run)
    if state in PLANNED:
        run.request(lambda deps: operations.cancel(deps, run.breakout_id))
    elif state in LIVE and state is not BreakoutState.CLOSING:
        run.request(lambda deps: operations.close(deps, run.breakout_id, 0))
    run.hub.loop.call_later(LOOK_SECONDS * 10, _calm_again, run)


def _calm_again(run: Simulation) -> None:
    if _state(run) not in ENDED:
        _calm(run)


def _state(run: Simulation) -> BreakoutState | None:
    if not run.breakout_id:
        return None
    (state,) = run.kept.ask("SELECT state FROM breakout WHERE id = ?", run.breakout_id)
    return BreakoutState(state)


def _is_over(run: Simulation) -> bool:
    """Return whether everything has ended, by a look at most once a second."""
    return run.seldom(LOOK_SECONDS, lambda: _has_ended(run))


def _has_ended(run: Simulation) -> bool:
    if _state(run) not in ENDED:
        return False
    ended_at = run.first_time("ended")
    return run.hub.loop.time() - ended_at > 35.0 and run.kept.ask(UNFINISHED) is None


UNFINISHED = """
SELECT 1 FROM room WHERE retired_at IS NULL AND wanted <> 'nothing' OR holder IS NOT NULL
UNION ALL SELECT 1 FROM recording WHERE state IN ('requested', 'recording', 'stopped') OR holder IS NOT NULL
UNION ALL SELECT 1 FROM seat WHERE state = 'returning'
LIMIT 1
"""
