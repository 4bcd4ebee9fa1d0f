"""One lifecycle, played again and again with a crash somewhere: 23 people, 5 recorded rooms, a timer, everyone home."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.chaos.lane import PATIENCE_SECONDS, Lane, Refusal
from tests.chaos.rules import STORY
from tests.chaos.switches import turned
from tests.chaos.tracing import STRUCK
from tests.support.invariants import REFUSALS, Bounds, Facts, violations
from tests.support.stack import JSON, person

PEOPLE, ROOMS = 23, 5
NAMES = [f"p{number}" for number in range(PEOPLE)]
ABSENT, STUBBORN, QUIET = NAMES[-1:], NAMES[-2:-1], NAMES[:8]
"""People who never come, who stay in main whatever their seat says, and who never acknowledge."""
FOLLOWERS = PEOPLE - len(ABSENT) - len(STUBBORN)
LONG_SECONDS = 600
END_SECONDS = 3
"""When all are in their recorded rooms, the timer is set to end after this."""


@dataclass(frozen=True)
class Outcome:
    """The result of one run."""

    point: str
    run: str
    killed: int
    """The number of processes that died."""
    seconds: float
    violations: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list, repr=False)
    switches: Mapping[str, Any] = field(default_factory=dict)
    """The positions of the sandbox's switches, where they were not the usual ones."""

    @property
    def faults(self) -> list[str]:
        """Everything that was wrong."""
        return self.violations


@dataclass(frozen=True)
class Mischief:
    """What else goes wrong in a run. Each function is called once, in this order."""

    before_opening: Callable[[Lane], None] = lambda _: None
    """Everybody is in the meeting, and nobody has requested a breakout yet."""
    opening: Callable[[Lane], None] = lambda _: None
    """The start was just answered."""
    before_closing: Callable[[Lane], None] = lambda _: None
    """Everybody is in a recorded room, and the timer has long to go."""
    closing: Callable[[Lane], None] = lambda _: None
    """The timer was just set to end in END_SECONDS."""
    afterwards: Callable[[Lane], None] = lambda _: None
    """All is over, well or not: undo what is still in force."""
    bounds: Bounds = field(default_factory=Bounds)
    """The deviations that it allows."""
    patience_seconds: float = PATIENCE_SECONDS
    """How long everybody may take to be in their rooms, and everything to be over."""
    asked_again: frozenset[int] = frozenset({503})
    """Statuses after which the caller requests the meeting again."""


Live = Callable[[Lane, str, int, Mischief], list[str]]
"""Plays a story of this name and seed, and returns what was wrong."""


def play(
    lane: Lane,
    run: str,
    *,
    point: str,
    seed: int,
    mischief: Mischief = Mischief(),
    switches: Mapping[str, Any] | None = None,
    live: Live | None = None,
) -> Outcome:
    """Play one breakout, or what `live` plays instead, with a crash at `point`, and check what is left."""
    lane.number_pages_from((switches or {}).get("pages_from", 1))
    lane.wait_until_ready()
    lane.wait(lambda: not lane.stack.sandbox.deliveries()["pending"], "an end of the last run's webhooks")
    lane.arm(run, point)
    begun = time.monotonic()
    with turned(lane.stack.sandbox, switches or {}):
        try:
            found = (live or _breakout)(lane, run, seed, mischief)
        except (AssertionError, Refusal) as error:
            found = [f"{type(error).__name__}: {error}"]
        finally:
            mischief.afterwards(lane)
            lane.stack.crowds.leave()
    found += lane.unexpected
    lane.unexpected = []
    trace = lane.trace(run)
    killed = sum(line.startswith(STRUCK) for line in trace)
    return Outcome(point, run, killed, time.monotonic() - begun, found, trace, switches or {})


def _breakout(lane: Lane, run: str, seed: int, mischief: Mischief) -> list[str]:
    return violations(_live(lane, run, seed, mischief), *STORY)


def _live(lane: Lane, run: str, seed: int, mischief: Mischief) -> Facts:
    meeting = gather(lane, run, mischief.asked_again)
    patience = mischief.patience_seconds
    mischief.before_opening(lane)
    made = _open(lane, meeting["id"], run, seed)
    path = lane.path = f"/v1/breakouts/{made['id']}"
    mischief.opening(lane)
    passing = mischief.bounds.problems
    opened = lane.wait(lambda: _all_recorded(see(lane, path), passing), "everybody in a recorded room", patience)
    mischief.before_closing(lane)
    closes_at = lane.wait(lambda: end_soon(lane, path), "a timer that ends soon")
    mischief.closing(lane)
    lane.wait(lambda: _done(see(lane, path)), "a closed breakout and all uploads", patience)
    lane.wait(lambda: all_at(lane, meeting["realtimekit_meeting_id"]), "everybody in main")
    return Facts(
        run=run,
        people=NAMES,
        meeting=meeting,
        opened=opened,
        closed=see(lane, path),
        closes_at=closes_at,
        log=all_events(lane, path),
        recordings=lane.ask("GET", f"{path}/recordings")["items"],
        breakouts=lane.ask("GET", f"/v1/meetings/{meeting['id']}/breakouts")["items"],
        seats={name: seat(lane, meeting["id"], name) for name in NAMES[:2] + STUBBORN},
        sandbox=lane.stack.sandbox.state(),
        kicks=lane.stack.crowds.wrongly_kicked(),
        bounds=mischief.bounds,
    )


def gather(lane: Lane, run: str, again: frozenset[int]) -> JSON:
    """Make the meeting, and let everybody come to it."""
    people = [person(name) for name in NAMES]
    body = {"title": run, "participants": people}
    meeting = lane.ask("POST", "/v1/meetings", body, key=f"{run}-meeting", again=again)
    tokens = {name: client_token(lane, meeting["id"], name) for name in NAMES if name not in ABSENT}
    for name, token in tokens.items():
        lane.stack.crowds.add({name: token}, never_moves=name in STUBBORN, no_ack=name in QUIET)

    def gathered() -> bool:
        if 422 in again:
            _reload(lane, tokens)
        return all_at(lane, meeting["realtimekit_meeting_id"])

    lane.wait(gathered, "everybody in the meeting")
    return meeting


def _reload(lane: Lane, tokens: dict[str, str]) -> None:
    """Reload the browsers of people who got no token because RealtimeKit refused it."""
    for name, place in lane.stack.crowds.where().items():
        if place is None:
            lane.stack.api.get("/v1/seat", headers={"Authorization": f"Bearer {tokens[name]}"})


def _open(lane: Lane, meeting_id: str, run: str, seed: int) -> JSON:
    body = {
        "name": run,
        "rooms": ROOMS,
        "record": True,
        "duration_seconds": LONG_SECONDS,
        "countdown_seconds": 1,
        "assignment": {"seed": seed},
        "start": "manual",
    }
    made = lane.ask("POST", f"/v1/meetings/{meeting_id}/breakouts", body, key=f"{run}-create")
    started = lane.ask("POST", f"/v1/breakouts/{made['id']}/start", key=f"{run}-start")
    assert started["id"] == made["id"]
    assert see(lane, f"/v1/breakouts/{made['id']}")["state"] != "draft", "a start that was answered had no effect"
    return made


def end_soon(lane: Lane, path: str) -> str | None:
    """Set the timer once and return its end. An unanswered request may have been done, so look first."""
    seen = see(lane, path)
    if seen["state"] != "open":
        return str(seen["closes_at"])
    if datetime.fromisoformat(seen["closes_at"]) - datetime.now(UTC) < timedelta(seconds=LONG_SECONDS / 2):
        return str(seen["closes_at"])
    closes_at = (datetime.now(UTC) + timedelta(seconds=END_SECONDS)).isoformat()
    answer = lane.stack.api.patch(path, json={"closes_at": closes_at})
    assert answer.status_code not in (422, 503), f"not answered in time: {answer.text}"
    if not answer.is_success:
        raise Refusal(f"PATCH closes_at: {answer.status_code} {answer.text}")
    return str(answer.json()["closes_at"])


def see(lane: Lane, path: str) -> JSON:
    """Return what is at this path."""
    return lane.ask("GET", path)


def _all_recorded(breakout: JSON, passing: frozenset[str]) -> JSON | None:
    """Check that all are in recorded rooms, but for refusals; whether those are allowed is checked at the end.

    What is refused with a problem that is `passing` is had later all the same.
    """
    progress, problems = breakout["progress"], breakout["problems"]
    refused = [problem for problem in problems if problem["what"] in REFUSALS - passing]
    people = FOLLOWERS - len({it["custom_participant_id"] for it in refused} - {None, *ABSENT, *STUBBORN})
    rooms = sum(any(it["state"] == "joined" for it in room["participants"]) for room in breakout["rooms"])
    unrecorded = sum(room["id"] in {it["room_id"] for it in refused} for room in breakout["rooms"])
    assert progress["participants"]["joined"] == people, f"{breakout['state']} {progress} {problems}"
    assert rooms - unrecorded <= progress["recordings"]["recording"] <= rooms > 0, f"{progress} {problems}"
    assert breakout["state"] == "open", f"{breakout['state']} {progress}"
    return breakout


def _done(breakout: JSON) -> bool:
    progress = breakout["progress"]
    recordings = progress["recordings"]
    assert breakout["state"] == "closed", f"{breakout['state']} {progress} {breakout['problems']}"
    assert recordings["recording"] == recordings["stopped"] == 0, f"recordings {recordings}"
    return True


def all_at(lane: Lane, realtimekit_meeting_id: str, late: int = 0) -> bool:
    """Check that everybody is in this meeting, also so many who came late."""
    where = lane.stack.crowds.where()
    elsewhere = {name: place for name, place in where.items() if place != realtimekit_meeting_id}
    assert not elsewhere, f"not there: {elsewhere}"
    return len(where) == PEOPLE - len(ABSENT) + late


def all_events(lane: Lane, path: str) -> list[JSON]:
    """Return the whole log."""
    events: list[JSON] = []
    cursor = ""
    while True:
        page = lane.ask("GET", f"{path}/log?limit=200{cursor}")
        events += page["items"]
        if not page["next_cursor"]:
            return events
        cursor = f"&cursor={page['next_cursor']}"


def client_token(lane: Lane, meeting_id: str, name: str) -> str:
    """Return a token for somebody's browser."""
    return str(lane.ask("POST", f"/v1/meetings/{meeting_id}/participants/{name}/client-tokens", {})["token"])


def seat(lane: Lane, meeting_id: str, name: str) -> JSON:
    """Return somebody's seat."""
    headers = {"Authorization": f"Bearer {client_token(lane, meeting_id, name)}"}
    seat: JSON = lane.wait(lambda: lane.stack.api.get("/v1/seat", headers=headers).json(), "a seat")
    return seat
