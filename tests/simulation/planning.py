"""What operators may do with plans before they start. A new action is one function here.

What comes too late, because the breakout has started meanwhile, is refused.
"""

from random import Random
from typing import TYPE_CHECKING, Any

from orchestrator.services.breakout import moving, operations, room_changes
from orchestrator.services.meetings import changing as meetings
from orchestrator.services.planning import changing, rooms
from schemas.requests import (
    BreakoutChange,
    MeetingChange,
    NewRoomRequest,
    RoomChange,
    ShuffleRequest,
)
from tests.simulation import plans
from tests.simulation.doing import Doing

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

PLANNING = Doing()
action = PLANNING.action
MOST_BREAKOUTS = 5
"""How many breakouts a run has at most."""


@action(3)
def change_plan(run: "Simulation", luck: Random) -> None:
    """Change a setting of a plan, or several."""
    ways: tuple[dict[str, Any], ...] = (
        {"rooms": 1},
        {"rooms": 3},
        {"rooms": ["Room 1", {"name": "Other", "max_participants": 2}]},
        {"rooms": [{"name": "Room 2", "participants": ["p0"]}, "Room 1"]},
        {"room_size": luck.choice((1, 2))},
        {"assignment": {"seed": luck.randrange(5)}},
        {"assignment": {"mode": luck.choice(("even", "manual", "self_select"))}},
        {"assignment": {"deal": "at_start", "who": luck.choice(("present", "registered"))}},
        {"assignment": {"include_hosts": luck.choice((True, "one_per_room"))}},
        {"assignment": plans.RULES[luck.choice(list(plans.RULES))]},
        {"assignment": plans.RULES[luck.choice(list(plans.RULES))], "rooms": 2},
        {"assignment": {"together": [], "apart": [], "balance_by": []}},
        {"duration_seconds": luck.choice((10, 20)), "countdown_seconds": 2, "record": True},
    )
    body, breakout_id = BreakoutChange.model_validate(luck.choice(ways)), run.plan_id(luck)
    run.request(lambda deps: changing.change(deps, breakout_id, body))


@action(2)
def change_start(run: "Simulation", luck: Random) -> None:
    """Schedule a plan, make it a draft, or start it by a change."""
    breakout_id, start = run.plan_id(luck), luck.choice(("manual", "now", run.time(4.0), run.time(11.0)))
    run.by_hand.add(breakout_id)
    body = BreakoutChange.model_validate({"start": start})
    run.request(lambda deps: changing.change(deps, breakout_id, body))


@action(2)
def shuffle(run: "Simulation", luck: Random) -> None:
    """Deal a plan anew."""
    breakout_id, body = run.plan_id(luck), ShuffleRequest(seed=luck.randrange(5), keep_pinned=luck.random() < 0.5)
    run.request(lambda deps: changing.shuffle(deps, breakout_id, body))


@action()
def prepare(run: "Simulation", luck: Random) -> None:
    """Make the rooms of a plan ahead of its start."""
    breakout_id = run.plan_id(luck)
    run.by_hand.add(breakout_id)
    run.request(lambda deps: operations.prepare(deps, breakout_id))


@action()
def start(run: "Simulation", luck: Random) -> None:
    """Start a plan, perhaps a later round before its time."""
    breakout_id = run.plan_id(luck)
    run.by_hand.add(breakout_id)
    run.request(lambda deps: operations.start(deps, breakout_id))


@action()
def cancel(run: "Simulation", luck: Random) -> None:
    """Cancel a plan, or also what is to come of its series."""
    breakout_id, rest = run.plan_id(luck), luck.random() < 0.4
    run.request(lambda deps: operations.cancel(deps, breakout_id, rest_of_series=rest))


@action()
def cancel_the_rest(run: "Simulation", luck: Random) -> None:
    """Cancel all rounds after the present one."""
    breakout_id = run.breakout_id
    if luck.random() < 0.5:
        run.request(lambda deps: operations.cancel(deps, breakout_id, rest_of_series=True))


@action(2)
def pin(run: "Simulation", luck: Random) -> None:
    """Put somebody into a room of a plan, or keep them in main."""
    person, breakout_id = luck.choice(run.people), run.plan_id(luck)
    room_id = luck.choice([*(room.id for room in run.rooms(breakout_id)), None])
    run.request(lambda deps: moving.move_person(deps, breakout_id, person.name, room_id))


@action(2)
def add_room(run: "Simulation", luck: Random) -> None:
    """Add a room to a plan."""
    breakout_id = run.plan_id(luck)
    body = NewRoomRequest(name=f"New {luck.randrange(3)}", max_participants=luck.choice((None, 1, 3)))
    run.request(lambda deps: rooms.add_room(deps, breakout_id, body))


@action(2)
def delete_room(run: "Simulation", luck: Random) -> None:
    """Delete a room of a plan."""
    breakout_id = run.plan_id(luck)
    if found := run.rooms(breakout_id):
        room_id = luck.choice(found).id
        run.request(lambda deps: rooms.delete_room(deps, breakout_id, room_id))


@action()
def limit_room(run: "Simulation", luck: Random) -> None:
    """Let a room of a plan take only so many people, or any number."""
    breakout_id, body = run.plan_id(luck), RoomChange(max_participants=luck.choice((None, 1, 2)))
    if found := run.rooms(breakout_id):
        room_id = luck.choice(found).id
        run.request(lambda deps: room_changes.change_room(deps, breakout_id, room_id, body))


@action()
def end_meeting_at(run: "Simulation", luck: Random) -> None:
    """Say when the meeting ends, or that it has no end."""
    body = MeetingChange.model_validate(
        {"ends_at": luck.choice((None, run.time(15.0), run.time(25.0), run.time(40.0)))}
    )
    run.request(lambda deps: meetings.change(deps, run.meeting_id, body))


@action(2)
def plan_again(run: "Simulation", luck: Random) -> None:
    """Plan another breakout, with the groups of an earlier one or without."""
    if len(run.made) >= MOST_BREAKOUTS:
        return
    asked: dict[str, Any] = {
        "name": "run",
        "duration_seconds": 10,
        "countdown_seconds": 1,
        "start": luck.choice(("now", "manual", run.time(5.0))),
    }
    earlier = run.breakout_id  # none once the meeting is deleted
    asked |= {"from_breakout": earlier} if earlier and luck.random() < 0.67 else {"rooms": 2}
    plans.ask(run, asked, lambda _: None)
