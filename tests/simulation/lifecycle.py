"""The story of a run: a meeting, breakouts that open and close, and whatever is done meanwhile."""

from collections.abc import Sequence

from orchestrator.services.breakout import operations
from schemas.states import ENDED, LIVE, PLANNED, BreakoutState
from tests.chaos.switches import CHOICES
from tests.simulation import beginning, deleting, plans, watching
from tests.simulation.actions import RUNNING
from tests.simulation.doing import Action, do
from tests.simulation.facts import facts, faults
from tests.simulation.leaving import LEAVING
from tests.simulation.people import HABITS, Person
from tests.simulation.planning import PLANNING
from tests.simulation.rooms import ROOMS
from tests.simulation.simulation import START, Simulation

GATHER_AT, PLAN_AT, ACT_FROM = 0.0, 3.0, 3.5
CALM_AT = {plans.ROUNDS: 75.0, plans.PLAN: 60.0}
"""From then on nothing goes wrong any more, by the kind of the run. Usually: USUAL_CALM."""
USUAL_CALM = 45.0
QUIET_SECONDS = 45.0
"""So much later what goes on by itself has gone on, and what is still open is closed."""
END_AT = 450.0
"""By then everything must be over."""
LOOK_SECONDS, REST_SECONDS = 1.0, 35.0
MOST_ACTIONS = 6
DELETED = 0.1
"""The share of runs whose meeting is deleted."""
CHANGING_SECONDS = 6.0
"""How long plans are changed after they were made, before their start by hand."""


def play(run: Simulation) -> None:
    """Play one lifecycle, and check what is left of it."""
    kind = _prepare(run)
    if run.luck.strikes("meeting deleted", DELETED):
        _play_to_deletion(run, kind)
        return
    calm_at = CALM_AT.get(kind, USUAL_CALM)
    if not run.advance(calm_at, lambda: _is_over(run)):
        run.calm()
        if not run.advance(calm_at + QUIET_SECONDS, lambda: _is_over(run)):
            run.violations += watching.forgotten(run)
            _end(run)
        run.advance(END_AT, lambda: _is_over(run))
    if not run.violations and not _has_ended(run):
        run.fail(f"nothing ends: {sorted(_states(run).values())}")
    if not run.violations:
        every = facts(run)
        for one in every:
            for event in one.log:
                run.tell_later(event)
        run.violations += faults(run, every)


def _play_to_deletion(run: Simulation, kind: str) -> None:
    """Play, perhaps not to the end of its breakouts, and delete the meeting while things still go wrong."""
    calm_at = CALM_AT.get(kind, USUAL_CALM)
    at = START + run.luck.between("deleted at", PLAN_AT + 2, calm_at - 5)
    run.hub.loop.call_at(at, _close_and_delete, run)
    run.advance(calm_at)
    run.calm()
    run.advance(END_AT, lambda: run.seldom(LOOK_SECONDS, lambda: deleting.is_over(run)))
    if not run.violations and not deleting.is_over(run):
        run.fail("nothing ends: the meeting is still there, or something is left to do for it")
    if not run.violations:
        run.violations += deleting.left(run)


def _close_and_delete(run: Simulation) -> None:
    """Close what runs, and delete the meeting once nothing does."""
    if not run.meeting_id:
        run.hub.loop.call_later(LOOK_SECONDS, _close_and_delete, run)
        return
    for breakout_id, state in _states(run).items():
        if state in LIVE:
            _close(run, breakout_id)
    if not deleting.is_gone(run):
        deleting.delete(run)
        run.hub.loop.call_later(LOOK_SECONDS * 10, _close_and_delete, run)


def _prepare(run: Simulation) -> str:
    """Let people come, a breakout be made, and things be done. Returns what kind of story it is."""
    shape = run.luck.random("shape")
    people = run.luck.unusual("people", 0.6, (1, 3, 3, 5), 2)
    _turn_switches(run)
    hosts = run.luck.unusual("hosts", 0.2, (1, 2), 0)
    for number in range(people):
        habit = run.luck.unusual(f"p{number} is", 0.25, HABITS, "")
        run.people.append(Person(run, f"p{number}", habit, is_host=number >= people - hosts))
    kind = plans.kind(run)
    body = plans.body(run, kind)
    run.gap_seconds = body.get("gap_seconds", 0)
    run.hub.loop.call_at(START + GATHER_AT, beginning.gather, run)
    run.hub.loop.call_at(START + PLAN_AT, beginning.plan, run, kind, body)
    seconds = body.get("rounds", 1) * (body.get("duration_seconds", 30) + 10)
    _do_later(run, "action", RUNNING + PLANNING, shape.randrange(MOST_ACTIONS + 1), seconds)
    if kind != plans.PLAIN:
        count = run.luck.unusual("changes", 0.7, range(1, MOST_ACTIONS + 1), 0)
        _do_later(run, "change", PLANNING, count, CHANGING_SECONDS)
    _do_later(run, "room", ROOMS, run.luck.unusual("rooms changed", 0.5, range(1, MOST_ACTIONS), 0), seconds)
    _do_later(run, "leaving", LEAVING, run.luck.unusual("people leave", 0.3, range(1, 4), 0), seconds)
    if body["assignment"].get("mode") == "self_select":
        _do_later(run, "choice", [it for it in RUNNING if "choose" in it.__name__], MOST_ACTIONS, seconds)
    run.hub.loop.call_at(START + ACT_FROM, _watch, run)
    return kind


def _turn_switches(run: Simulation) -> None:
    """Turn some of what RealtimeKit does not document the other way."""
    for name, (usual, *others) in CHOICES.items():
        if not name.startswith("webhook"):
            setattr(run.world.config.switches, name, run.luck.unusual(f"switch {name}", run.weather.odd, others, usual))


def _do_later(run: Simulation, what: str, things: Sequence[Action], count: int, seconds: float) -> None:
    """Let so many things be done in the time after the breakout was asked for."""
    shape = run.luck.random(what)
    for number in range(1, count + 1):
        at, one, name = shape.uniform(ACT_FROM, PLAN_AT + seconds), shape.choice(things), f"{what} {number}"
        if run.luck.allows(name):
            run.hub.loop.call_at(START + at, _act, run, name, one)


def _act(run: Simulation, name: str, what: Action) -> None:
    if run.made:
        run.luck.note(name, what.__name__.replace("_", " "))
        do(run, what, run.luck.random(name))


def _watch(run: Simulation) -> None:
    """Look for what is wrong, again and again."""
    if run.has_news:
        run.has_news = False
        run.violations += watching.look(run)
    run.hub.loop.call_later(LOOK_SECONDS, _watch, run)


def _end(run: Simulation) -> None:
    """End what is still planned or open, and look again later."""
    for breakout_id, state in _states(run).items():
        if state in PLANNED:
            _cancel(run, breakout_id)
        elif state in LIVE and state is not BreakoutState.CLOSING:
            _close(run, breakout_id)
    run.hub.loop.call_later(LOOK_SECONDS * 10, _end_again, run)


def _cancel(run: Simulation, breakout_id: str) -> None:
    run.request(lambda deps: operations.cancel(deps, breakout_id, rest_of_series=True))


def _close(run: Simulation, breakout_id: str) -> None:
    run.request(lambda deps: operations.close(deps, breakout_id, 0))


def _end_again(run: Simulation) -> None:
    if not _are_ended(run):
        _end(run)


def _states(run: Simulation) -> dict[str, BreakoutState]:
    found = {it: run.kept.ask("SELECT state FROM breakout WHERE id = ?", it) for it in run.made}
    return {breakout_id: BreakoutState(row[0]) for breakout_id, row in found.items() if row is not None}


def _are_ended(run: Simulation) -> bool:
    return bool(run.made) and run.kept.ask(NOT_ENDED, run.meeting_id) is None


def _is_over(run: Simulation) -> bool:
    """Return whether everything has ended, by a look at most once a second."""
    return run.seldom(LOOK_SECONDS, lambda: _has_ended(run))


def _has_ended(run: Simulation) -> bool:
    """Return whether all breakouts have ended some time ago, and nothing is left to do for them."""
    if not _are_ended(run):
        run.ended_at = None
        return False
    run.ended_at = run.ended_at or run.hub.loop.time()
    return run.hub.loop.time() - run.ended_at > REST_SECONDS and run.kept.ask(UNFINISHED) is None


NOT_ENDED = f"""
SELECT 1 FROM breakout WHERE meeting_id = ? AND state NOT IN ({", ".join(repr(it.value) for it in sorted(ENDED))})
"""
UNFINISHED = """
SELECT 1 FROM room WHERE (retired_at IS NULL AND wanted <> 'nothing' OR holder IS NOT NULL OR kept)
UNION ALL SELECT 1 FROM recording WHERE state IN ('requested', 'recording', 'stopped') OR holder IS NOT NULL
UNION ALL SELECT 1 FROM seat WHERE state = 'returning'
UNION ALL SELECT 1 FROM leftover
UNION ALL SELECT 1 FROM outbox WHERE due_at IS NOT NULL
UNION ALL SELECT 1 FROM endpoint WHERE holder IS NOT NULL OR settles_at IS NOT NULL AND NOT disabled
UNION ALL SELECT 1 FROM delivery JOIN endpoint ON endpoint.id = endpoint_id WHERE state = 'pending' AND NOT disabled
UNION ALL SELECT 1 FROM endpoint_cursor JOIN endpoint ON endpoint.id = endpoint_id WHERE ready_at IS NOT NULL
    AND NOT disabled
LIMIT 1
"""
