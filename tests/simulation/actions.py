"""What people, hosts and operators may do while a breakout runs. A new action is one function here."""

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from orchestrator.sandbox.world import live, recorder
from orchestrator.services.breakout import (
    broadcasting,
    changes,
    choosing,
    moving,
    operations,
    polls,
    recording_commands,
    retrying,
    room_changes,
)
from orchestrator.services.breakout.choosing import Choice
from orchestrator.services.meetings import registering
from orchestrator.services.people import acks, helping
from orchestrator.services.people.helping import Ask
from orchestrator.services.webhooks import endpoints
from schemas.requests import BreakoutChange, BroadcastRequest, PersonRequest, PollRequest, RoomChange
from schemas.states import RecordingAction, RoomState
from schemas.tables import Room
from tests.simulation.doing import Doing
from tests.simulation.endpoints import Caller
from tests.simulation.people import Person

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

RUNNING = Doing()
action = RUNNING.action
RECORDED_SECONDS = 5.0
LATECOMERS = 3
"""How many people may come late in one run."""


@action(3)
def move(run: "Simulation", luck: Random) -> None:
    """Move somebody to another room or to main, as an operator."""
    person, rooms = luck.choice(run.people), run.rooms(run.breakout_id)
    room_id = luck.choice([*(room.id for room in rooms), None])
    breakout_id = run.breakout_id
    run.request(lambda deps: moving.move_person(deps, breakout_id, person.name, room_id))


@action(2)
def move_there_and_back(run: "Simulation", luck: Random) -> None:
    """Move somebody, and to yet another room or back a moment later."""
    person, rooms, breakout_id = luck.choice(run.people), run.rooms(run.breakout_id), run.breakout_id
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
    rooms, name, breakout_id = run.rooms(run.breakout_id), f"Name {luck.randrange(3)}", run.breakout_id
    if rooms:
        room_id = luck.choice(rooms).id
        run.request(lambda deps: room_changes.change_room(deps, breakout_id, room_id, RoomChange(name=name)))


@action()
def rename_person(run: "Simulation", luck: Random) -> None:
    """Register somebody anew, under another name."""
    person = luck.choice(run.members)
    body = PersonRequest.model_validate(person.registered | {"name": f"{person.name} {luck.randrange(3)}"})
    run.request(lambda deps: registering.register(deps, run.meeting_id, [body]))


@action(2)
def come_late(run: "Simulation", luck: Random) -> None:
    """Register somebody late, who then comes."""
    late = sum(person.name.startswith("late") for person in run.people)
    if late >= LATECOMERS:
        return
    person = Person(run, f"late-{late + 1}", luck.choice(("", "", "silent", "slow")))
    run.people.append(person)
    body = PersonRequest.model_validate(person.registered)

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
    rooms, breakout_id = run.rooms(run.breakout_id), run.breakout_id
    if rooms:
        room_id = luck.choice(rooms).id
        run.request(lambda deps: retrying.retry_room(deps, breakout_id, room_id))


@action(2)
def steer_recording(run: "Simulation", luck: Random) -> None:
    """Start, stop, pause or resume the recording of a room, as an operator."""
    rooms, breakout_id, does = run.rooms(run.breakout_id), run.breakout_id, luck.choice(list(RecordingAction))
    if rooms:
        run.hosts_acted, room_id = True, luck.choice(rooms).id
        run.request(lambda deps: recording_commands.command(deps, breakout_id, room_id, does))


@action()
def poll(run: "Simulation", luck: Random) -> None:
    """Ask everybody in all rooms, or in one."""
    rooms, breakout_id = run.rooms(run.breakout_id), run.breakout_id
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
    person = luck.choice(run.members)
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
    person, present = luck.choice(run.members), luck.random() < 0.5
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
def start_recording(run: "Simulation", luck: Random) -> None:
    """Start a recording in a room with people as a host, unless one runs there."""
    places = [run.world.meetings[room.realtimekit_meeting_id or ""] for room in _open_rooms(run)]
    free = [it for it in places if it.session and it.session.live and recorder.active(it) is None]
    if free:
        run.hosts_acted, meeting = True, luck.choice(free)
        recorder.start(run.world, meeting, meeting.session, {}, "API_CALL")


def _open_rooms(run: "Simulation") -> list[Room]:
    """Return the open rooms of the breakout that have a meeting at RealtimeKit."""
    return [it for it in run.rooms(run.breakout_id) if it.realtimekit_meeting_id and it.state is RoomState.OPEN]


@action()
def close_meeting(run: "Simulation", luck: Random) -> None:
    """Make a room's meeting INACTIVE, as anybody with access to the app may."""
    rooms = _open_rooms(run)
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


@action(3)
def choose(run: "Simulation", luck: Random) -> None:
    """Choose a room, or main, as a participant. Whoever has no right to is refused."""
    person, rooms = luck.choice(run.members), run.rooms(run.breakout_id)
    if person.row_id:
        choice = Choice(person.row_id, run.meeting_id, luck.choice([*(room.id for room in rooms), None]))
        _choose(run, [choice])


@action()
def all_choose_one(run: "Simulation", luck: Random) -> None:
    """Let everybody choose the same room in the same moment."""
    rooms = run.rooms(run.breakout_id)
    if rooms:
        room_id = luck.choice(rooms).id
        choices = [Choice(person.row_id, run.meeting_id, room_id) for person in run.members if person.row_id]
        for some in (choices[::2], choices[1::2]):
            _choose(run, some)


def _choose(run: "Simulation", choices: Sequence[Choice]) -> None:
    run.request(lambda deps: choosing.choose_all(deps, choices))


@action(2)
def ask_for_a_delivery(run: "Simulation", luck: Random) -> None:
    """Have an endpoint pinged, or something sent there again that it has heard."""
    callers = [caller for caller in run.callers.all if caller.row_id]
    if not callers:
        return
    caller = luck.choice(callers)
    if caller.receipts and luck.random() < 0.7:
        delivery_id = luck.choice(caller.receipts).delivery_id
        run.request(lambda deps: endpoints.redeliver(deps, caller.row_id, delivery_id))
    else:
        run.request(lambda deps: endpoints.ping(deps, caller.row_id))


@action()
def switch_endpoint(run: "Simulation", luck: Random) -> None:
    """Disable an endpoint, or enable one that was disabled, by an operator or because it said that it is gone."""
    callers = [it for it in run.callers.all if it.row_id and not it.is_switching and _is_calm(run, it)]
    if callers:
        run.callers.switch(luck.choice(callers))


def _is_calm(run: "Simulation", caller: Caller) -> bool:
    """Whether what an endpoint answered last is recorded: one that says that it is gone is disabled a moment later."""
    return not caller.receipts or run.hub.loop.time() - caller.receipts[-1].at > RECORDED_SECONDS
