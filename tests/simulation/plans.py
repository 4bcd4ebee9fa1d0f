"""What a run asks for: one breakout, a plan that is changed before its start, or rounds. What is usual is small."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from orchestrator.domain.sheets import read_rows
from orchestrator.services.deps import Deps
from orchestrator.services.idempotency import keys
from orchestrator.services.idempotency.keys import Reply, once_for
from orchestrator.services.meetings import registering
from orchestrator.services.planning import creating, importing, rounds
from schemas.requests import BreakoutRequest, RoundsRequest

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

ROUNDS, PLAN, IMPORTED, PLAIN = "rounds", "plan", "imported", "plain"
KINDS = (ROUNDS, ROUNDS, ROUNDS, PLAN, PLAN, PLAN, IMPORTED)
RULES: dict[str, dict[str, Any]] = {
    "together": {"together": [["p0", "p1"]]},
    "apart": {"apart": [["p0", "p1", "p2"]]},
    "both": {"together": [["p0", "p1"]], "apart": [["p1", "p2"]]},
    "balanced": {"balance_by": ["team"]},
    "all": {"together": [["p0", "p1"]], "apart": [["p1", "p2"]], "balance_by": ["team"]},
}
"""Rules about the first three people."""
NEEDED_BY_RULES = 3


def spare(body: dict[str, Any]) -> dict[str, Any]:
    """Return what is asked for instead where a wish was impossible, besides what can't be."""
    body.pop("room_size", None)
    return {"rooms": 2, "assignment": {"seed": 1}}


def kind(run: "Simulation") -> str:
    """Return what a run is about."""
    return run.luck.unusual("kind", 0.6, KINDS, PLAIN)


def body(run: "Simulation", kind: str) -> dict[str, Any]:
    """Return the request of the breakout, or of the rounds."""
    unusual = run.luck.unusual
    asked: dict[str, Any] = {
        "name": "run",
        "rooms": rooms(run),
        "countdown_seconds": unusual("countdown", 0.3, (0, 5), 1),
        "assignment": assignment(run, kind),
        "start": "manual",
    }
    if unusual("recorded", 0.4, (True,), False):
        asked["record"] = True
    if seconds := 10 if kind == ROUNDS else unusual("timer", 0.3, (0, 25), 12):
        asked["duration_seconds"] = seconds
    if where := unusual("a failed room", 0.2, ("keep", "abort"), ""):
        asked["on_room_failure"] = where
    if where := unusual("latecomers", 0.15, ("main",), ""):
        asked["late_join"] = where
    if right := unusual("rights", 0.3, ("switch", "preset", "stay"), ""):
        asked |= {"allow_switch": right != "stay", "allow_return": right == "switch"}
        asked |= {"allow_switch": "preset", "allow_return": "preset"} if right == "preset" else {}
    if size := unusual("room size", 0.15, (1, 2, 3), 0):
        del asked["rooms"]
        asked["room_size"] = size
    if kind == ROUNDS:
        asked |= {"rounds": unusual("rounds", 0.3, (3,), 2), "gap_seconds": unusual("gap", 0.4, (1, 4), 0)}
    return asked


def rooms(run: "Simulation") -> Any:
    """Return how many rooms are asked for, perhaps with limits."""
    count = run.luck.unusual("rooms", 0.2, (1, 3), 2)
    limit = run.luck.unusual("limits", 0.2, (1, 2, 3), 0)
    return [{"name": f"Room {it}", "max_participants": limit} for it in range(1, count + 1)] if limit else count


def assignment(run: "Simulation", kind: str) -> dict[str, Any]:
    """Return who is to sit where, and by which rules."""
    unusual = run.luck.unusual
    asked: dict[str, Any] = {"seed": 1}
    if mode := unusual("mode", 0.15, ("self_select", "manual"), ""):
        asked["mode"] = mode
    if when := unusual("deal", 0.2, ("at_start", "now"), ""):
        asked["deal"] = when
    if unusual("present alone", 0.15, (True,), False):
        asked["who"] = "present"
    if hosts := unusual("hosts dealt", 0.2, (True, "one_per_room"), False):
        asked["include_hosts"] = hosts
    if (words := unusual("rules", 0.25, tuple(RULES), "")) and len(run.people) >= NEEDED_BY_RULES:
        asked |= RULES[words]
        if kind == ROUNDS:
            asked.pop("balance_by", None)
    return asked


def ask(run: "Simulation", asked: dict[str, Any], then: Callable[[list[str] | None], None]) -> None:
    """Make a breakout or rounds under an Idempotency-Key. `then` gets the ids, or None when that was refused."""
    if "rounds" in asked:
        series = RoundsRequest.model_validate(asked)
        _once(run, asked, lambda deps: rounds.create_rounds(deps, run.meeting_id, series).breakout_ids, then)
    else:
        one = BreakoutRequest.model_validate(asked)
        _once(run, asked, lambda deps: [creating.create(deps, run.meeting_id, one)], then)


def bring_file(run: "Simulation", then: Callable[[list[str] | None], None]) -> None:
    """Make a plan from a file that names two of the people, somebody who is new, and nobody."""
    lines = ["Room; Email", "Room 1;p0", "Room 2;new@example.org", "Room 3;", ";p1", "Room 1;p0"]
    rows = read_rows("\r\n".join(lines).encode())
    register = registering.register

    def work(deps: Deps) -> list[str]:
        return [importing.import_rows(deps, run.meeting_id, rows, "run", register).breakout_id]

    _once(run, {"lines": lines}, work, then)


def _once(
    run: "Simulation",
    asked: dict[str, Any],
    work: Callable[[Deps], list[str]],
    then: Callable[[list[str] | None], None],
) -> None:
    key = f"at {run.hub.loop.time()}"
    written = json.dumps(asked, default=str).encode()
    once = once_for("simulation", "breakouts", key, written, about=run.meeting_id)

    def answered(reply: Reply | None) -> None:
        ids: list[str] | None = None if reply is None else json.loads(reply.body)["ids"]
        run.made += ids or []
        then(ids)

    run.request(lambda deps: keys.run(deps, once, work, _ids), answered)


def _ids(_: Session, ids: list[str]) -> Reply:
    return Reply(201, json.dumps({"ids": ids}))
