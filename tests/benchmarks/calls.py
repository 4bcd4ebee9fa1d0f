"""The calls to RealtimeKit of one lifecycle, counted by the sandbox, beside the least that its REST API allows.

The API makes one meeting, participant or recording a call, and retires one meeting a call. So a recorded breakout of R
rooms and P people, of whom M are moved once while it is open, needs at least

    R  create_meeting
    P + M  add_participant, because a token is for one meeting
    R  start_recordings
    R  pause_resume_stop_recording, because a recording ends by itself only a minute after the room is empty
    R  update_meeting_by_id, which lets nobody in any more

calls. Rounds share their child meetings: a series needs R create_meeting and R update_meeting_by_id in all, and as many
add_participant as there are pairs of a person and a room in which they are in any round.

Nobody has to be put out, because everybody goes by themselves; and tokens for main are made before. Any other
call looks whether all is as it should be. Looks happen at the start, at the end, and now and then in between.
"""

from collections import Counter
from dataclasses import dataclass

from tests.benchmarks.frame import Of, Sheet, run
from tests.benchmarks.rig import Rig, rig
from tests.support.stack import JSON

DEADLINE_SECONDS = 240


@dataclass(frozen=True)
class Case:
    """A breakout, and how many of its people are moved while it is open."""

    rooms: int
    people: int
    moved: int = 0

    @property
    def name(self) -> str:
        """What the figures call it."""
        moved = f", {self.moved} of them moved" if self.moved else ""
        return f"{self.rooms} rooms, {self.people} people{moved}"

    @property
    def least(self) -> Counter[str]:
        """The calls that the REST API makes necessary."""
        return Counter(
            create_meeting=self.rooms,
            add_participant=self.people + self.moved,
            start_recordings=self.rooms,
            pause_resume_stop_recording=self.rooms,
            update_meeting_by_id=self.rooms,
        )


GRACE_SECONDS = "60"
"""Enough for everybody to go home by themselves, on a slow machine too."""
ROUNDS, SERIES = 3, Case(30, 100)
CASES = (Case(30, 100), Case(30, 100, moved=10), Case(100, 1000))


def measure(sheet: Sheet) -> None:
    """Count the calls of each case, from the request for the breakout to its last upload."""
    with rig(RETURN_GRACE_SECONDS=GRACE_SECONDS) as stack:
        stack.register_webhook()
        for case in CASES:
            _compare(sheet, case.name, _lifecycle(stack, case), case.least)
        _compare(sheet, f"{ROUNDS} rounds of {SERIES.name}", *_series(stack))


def _compare(sheet: Sheet, what: str, spent: Counter[str], least: Counter[str]) -> None:
    looks = Counter({name: count for name, count in spent.items() if name.startswith("get_")})
    besides = sheet.figure(f"{what}: calls besides looks", "times the least", at_most=1, of=Of.MAX)
    besides.add((spent - looks).total() / least.total())
    sheet.figure(f"{what}: looks", "of all calls").add(looks.total() / spent.total())
    for name in least | looks:
        sheet.figure(f"{what}: {name}", "calls").add(spent[name])


def _lifecycle(stack: Rig, case: Case) -> Counter[str]:
    meeting = stack.meeting(case.people)
    stack.people(meeting, [f"p{number}" for number in range(case.people)])
    stack.crowds.settle(DEADLINE_SECONDS)
    before = _counts(stack)
    breakout = stack.breakout(meeting, rooms=case.rooms, record=True)["id"]
    opened = _wait_for_all(stack, breakout, case)
    for number in range(case.moved):
        stack.move(breakout, f"p{number}", _next_room(opened, f"p{number}"))
    stack.crowds.settle(DEADLINE_SECONDS)
    _wait_for_all(stack, breakout, case)
    stack.post(f"/v1/breakouts/{breakout}/close", {"countdown_seconds": 1})
    stack.wait(breakout, "closed", DEADLINE_SECONDS, lambda it: it["progress"]["recordings"]["uploaded"] == case.rooms)
    stack.crowds.leave()
    return _counts(stack) - before


def _series(stack: Rig) -> tuple[Counter[str], Counter[str]]:
    """Return the calls of a series of rounds in which everybody goes to each room, and the least that it needs."""
    meeting = stack.meeting(SERIES.people)
    stack.people(meeting, [f"p{number}" for number in range(SERIES.people)])
    stack.crowds.settle(DEADLINE_SECONDS)
    before, pairs = _counts(stack), set[tuple[int, str]]()
    asked = {"rounds": ROUNDS, "rooms": SERIES.rooms, "start": "now"}
    made = stack.post(f"/v1/meetings/{meeting}/rounds", asked)
    for planned in made["breakouts"]:
        there = stack.wait(planned["id"], "open", DEADLINE_SECONDS, _everybody_is_there)
        pairs |= {(it["index"], one["custom_participant_id"]) for it in there["rooms"] for one in it["participants"]}
        stack.post(f"/v1/breakouts/{planned['id']}/close", {"countdown_seconds": 1})
        stack.wait(planned["id"], "closed", DEADLINE_SECONDS)
    stack.crowds.leave()
    once = dict.fromkeys(("create_meeting", "update_meeting_by_id"), SERIES.rooms)
    return _counts(stack) - before, Counter(once | {"add_participant": len(pairs)})


def _everybody_is_there(found: JSON) -> bool:
    return bool(found["progress"]["participants"]["joined"] == SERIES.people)


def _wait_for_all(stack: Rig, breakout: str, case: Case) -> JSON:
    """Wait until everybody is where they belong, and each room is recorded."""

    def is_complete(found: JSON) -> bool:
        progress = found["progress"]
        there = progress["participants"]["joined"], progress["recordings"]["recording"]
        return bool(there == (case.people, case.rooms))

    return stack.wait(breakout, "open", DEADLINE_SECONDS, is_complete)


def _next_room(breakout: JSON, name: str) -> str:
    """Return the room after the one that a person is in."""
    rooms = breakout["rooms"]
    there = [name in [one["custom_participant_id"] for one in room["participants"]] for room in rooms]
    return str(rooms[(there.index(True) + 1) % len(rooms)]["id"])


def _counts(stack: Rig) -> Counter[str]:
    answer = stack.api.get(f"{stack.sandbox.root}/_sandbox/calls")
    return Counter(answer.json()["counts"])


if __name__ == "__main__":
    run("calls", measure)
