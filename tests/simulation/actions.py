"""What people, hosts and operators may do at any moment. A new action is one function here.

Each gets the run and a generator of its own, and does one thing if it can be done now.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlmodel import col

from orchestrator.sandbox.world import live, recorder
from orchestrator.sandbox.world.values import Refusal
from orchestrator.services.breakout import (
    broadcasting,
    changes,
    moving,
    operations,
    polls,
    recording_commands,
    retrying,
    room_changes,
)
from orchestrator.services.meetings import registering
from orchestrator.services.people import acks, helping
from orchestrator.services.people.helping import Ask
from schemas.requests import BreakoutChange, BroadcastRequest, PersonRequest, PollRequest, RoomChange
from schemas.states import RecordingAction, RoomState
from schemas.tables import Room
from tests.simulation.people import Person

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

Action = Callable[["Simulation", Random], None]
ACTIONS: list[Action] = []
LATECOMERS = 3
"""How many people may come late in one run."""


def action(times: int = 1) -> Callable[[Action], Action]:
    """Let this be among the things that are done in a run, so many times as likely as others."""

    def add(one: Action) -> Action:
        ACTIONS.extend([one] * times)
        return one

    return add


@action(3)
def move(run: "Simulation", luck: Random) -> None:
    """Move somebody to another room or to main, as an operator."""
    person, rooms = luck.choice(run.people), _rooms(run)
    room_id = luck.choice([*(room.id for room in rooms), None])
    breakout_id = run.breakout_id
    run.request(lambda deps: moving.move_person(deps, breakout_id, person.name, room_id))


@action(2)
def move_there_and_back(run: "Simulation", luck: Random) -> None:
    """Move somebody, and to yet another room or back a moment later."""
    person, rooms, breakout_id = luck.choice(run.people), _rooms(run), run.breakout_id
    if len(rooms) < 2:
        return
    there, back = luck.sample([room.id for room in rooms], 2)
    seconds = luck.choice((0.1, 1.0, 4.0, 9.9, 10.0, 10.05, 10.1))

    def move_to(room_id: str) -> None:
        run.request(lambda deps: moving.move_person(deps, breakout_id, person.name, room_id))

    move_to(there)  # the grace to leave a room is ten seconds
    run.hub.loop.call_later(seconds, move_to, back)


@action()
def rename_room(run: "Simulation", luck: Random) -> None:
    """Give a room another name."""
    rooms, name, breakout_id = _rooms(run), f"Name {luck.randrange(3)}", run.breakout_id
    if rooms:
        room_id = luck.choice(rooms).id
        run.request(lambda deps: room_changes.change_room(deps, breakout_id, room_id, RoomChange(name=name)))


@action()
def rename_person(run: "Simulation", luck: Random) -> None:
    """Register somebody anew, under another name."""
    person = luck.choice(run.people)
    body = PersonRequest(custom_participant_id=person.name, name=f"{person.name} {luck.randrange(3)}")
    run.request(lambda deps: registering.register(deps, run.meeting_id, [body]))


@action(2)
def come_late(run: "Simulation", luck: Random) -> None:
    """Register somebody late, who then comes."""
    late = sum(person.name.startswith("late") for person in run.people)
    if late >= LATECOMERS:
        return
    person = Person(run, f"late-{late + 1}", luck.choice(("", "", "silent", "slow")))
    run.people.append(person)
    body = PersonRequest(custom_participant_id=person.name, name=person.name)

    def registered(ids: Sequence[str] | None) -> None:
        if ids:
            (person.row_id,) = ids
            run.streams.wake()

    run.request(lambda deps: registering.register(deps, run.meeting_id, [body]), registered)


@action()
def change_clock(run: "Simulation", luck: Random) -> None:
    """Move the end, stop the timer, or let it go on."""
    body: dict[str, Any] = luck.choice(
        ({"extend_seconds": 10}, {"extend_seconds": -10}, {"extend_seconds": 30}, {"paused": True}, {"paused": False})
    )
    breakout_id = run.breakout_id
    run.request(lambda deps: changes.change(deps, breakout_id, BreakoutChange(**body)))


@action()
def retry_room(run: "Simulation", luck: Random) -> None:
    """Retry a room, as an operator."""
    rooms, breakout_id = _rooms(run), run.breakout_id
    if rooms:
        room_id = luck.choice(rooms).id
        run.request(lambda deps: retrying.retry_room(deps, breakout_id, room_id))


@action(2)
def steer_recording(run: "Simulation", luck: Random) -> None:
    """Start, stop, pause or resume the recording of a room, as an operator."""
    rooms, breakout_id, does = _rooms(run), run.breakout_id, luck.choice(list(RecordingAction))
    if rooms:
        run.hosts_acted, room_id = True, luck.choice(rooms).id
        run.request(lambda deps: recording_commands.command(deps, breakout_id, room_id, does))


@action()
def poll(run: "Simulation", luck: Random) -> None:
    """Ask everybody in all rooms, or in one."""
    rooms, breakout_id = _rooms(run), run.breakout_id
    question = f"Question {luck.randrange(1_000_000)}"
    room_ids = [luck.choice(rooms).id] if rooms and luck.random() < 0.3 else None
    body = PollRequest(question=question, options=["yes", "no"], room_ids=room_ids)
    run.request(lambda deps: polls.ask(deps, breakout_id, body))


@action()
def broadcast(run: "Simulation", luck: Random) -> None:
    """Say something to everybody."""
    breakout_id, body = run.breakout_id, BroadcastRequest(text=f"Word {luck.randrange(3)}")
    run.request(lambda deps: broadcasting.broadcast(deps, breakout_id, body))


@action()
def ask_for_help(run: "Simulation", luck: Random) -> None:
    """Ask the hosts for help, wherever somebody is."""
    person = luck.choice(run.people)
    if person.row_id:
        run.request(lambda deps: helping.ask(deps, Ask(person.row_id, run.meeting_id)))


@action()
def close(run: "Simulation", luck: Random) -> None:
    """Close the breakout, with another countdown or its own."""
    countdown, breakout_id = luck.choice((None, 0, 5)), run.breakout_id
    run.request(lambda deps: operations.close(deps, breakout_id, countdown))


@action()
def leave(run: "Simulation", luck: Random) -> None:
    """Close somebody's browser for good."""
    luck.choice(run.people).hang_up()


@action()
def say_present(run: "Simulation", luck: Random) -> None:
    """Say where somebody is, as a caller does that has no webhooks."""
    person, present = luck.choice(run.people), luck.random() < 0.5
    if person.row_id and present == (person.where == run.parent):
        run.request(lambda deps: acks.set_present(deps, run.meeting_id, person.name, present))


@action()
def stop_recording(run: "Simulation", luck: Random) -> None:
    """Stop a recording as a host, or let the recorder break down."""
    running = [it for it in run.world.recordings.values() if it.running]
    if running:
        run.hosts_acted, recording = True, luck.choice(running)
        if luck.random() < 0.5:
            recorder.stop(run.world, recording, "API_CALL", by_user=True)
        else:
            recorder.stop(run.world, recording, "INTERNAL_ERROR")


@action()
def close_meeting(run: "Simulation", luck: Random) -> None:
    """Make a room's meeting INACTIVE, as anybody with access to the app may."""
    rooms = [room for room in _rooms(run) if room.realtimekit_meeting_id and room.state is RoomState.OPEN]
    if rooms:
        run.hosts_acted = True
        run.world.meetings[luck.choice(rooms).realtimekit_meeting_id or ""].status = "INACTIVE"


@action()
def end_parent(run: "Simulation", luck: Random) -> None:
    """End the main meeting for all, as its host."""
    session = run.world.meetings[run.parent].session
    if session is not None and luck.random() < 0.5:
        run.by_host.add(run.parent)
        live.end_session(run.world, session, "HOST_ENDED_MEETING")


def _rooms(run: "Simulation") -> list[Room]:
    with run.eyes.database.reading() as session:
        statement = select(Room).where(col(Room.breakout_id) == run.breakout_id).order_by(col(Room.index))
        return list(session.scalars(statement))


def do(run: "Simulation", one: Action, luck: Random) -> None:
    """Do one thing, unless RealtimeKit refuses it."""
    try:
        one(run, luck)
    except Refusal:
        return
