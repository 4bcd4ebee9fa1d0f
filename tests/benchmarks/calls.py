"""The RealtimeKit calls of one lifecycle: 30 rooms, 100 people, recorded, everybody joins and returns."""

from tests.benchmarks.frame import Sheet, run
from tests.benchmarks.rig import rig
from tests.support.stack import Stack

ROOMS, PEOPLE = 30, 100


def measure(sheet: Sheet) -> None:
    """Count the calls by operation, from the start of the breakout to its last upload."""
    with rig() as stack:
        stack.register_webhook()
        meeting = stack.meeting(PEOPLE)
        stack.people(meeting, [f"p{number}" for number in range(PEOPLE)])
        stack.crowds.settle(60)
        before = _counts(stack)
        made = stack.breakout(meeting, rooms=ROOMS, record=True)
        stack.wait(made["id"], "open", 60, lambda b: b["progress"]["recordings"]["recording"] == ROOMS)
        stack.wait(made["id"], "open", 60, lambda b: b["progress"]["participants"]["joined"] == PEOPLE)
        stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 5})
        stack.wait(made["id"], "closed", 60, lambda b: b["progress"]["recordings"]["uploaded"] == ROOMS)
        spent = {name: count - before.get(name, 0) for name, count in _counts(stack).items()}
        for name, count in spent.items():
            if count:
                sheet.figure(name, "calls").add(count)
        sheet.figure("in all", "calls").add(sum(spent.values()))


def _counts(stack: Stack) -> dict[str, int]:
    answer = stack.api.get(f"{stack.sandbox.root}/_sandbox/calls")
    counts: dict[str, int] = answer.json()["counts"]
    return counts


if __name__ == "__main__":
    run("calls", measure)
