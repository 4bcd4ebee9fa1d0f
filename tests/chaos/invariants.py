"""What must hold after a lifecycle, wherever in it a process died.

RealtimeKit sets two bounds itself, because it has no idempotency keys:
- A process that dies between sending a create and recording its answer leaves a meeting that only its title identifies.
  The next pass searches for that title and adopts what it finds. A search that lags more than SEARCH_SETTLE_SECONDS
  finds nothing, and another meeting is made. The damage is one meeting, which is retired and reported in `problems`
  when the room closes (a parent: when the same Idempotency-Key comes again).
- A process that dies around adding a participant leaves one that is found by paging and adopted. One that dies around
  starting a recording leaves one that is asked for (`active-recording`) and adopted. Neither is made twice.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas.states import MOVES, BreakoutState, RecordingState, RoomState, SeatState, State
from tests.support.stack import JSON

STATES: dict[str, type[State]] = {
    "breakout.state": BreakoutState,
    "room.state": RoomState,
    "participant.state": SeatState,
    "recording.state": RecordingState,
}
COUNTDOWN = timedelta(seconds=1)
"""The countdown of every breakout here."""
REFUSALS = frozenset(
    {"room failed", "participant refused", "recording refused", "recording interrupted", "RealtimeKit refused"}
)
"""Problems that name what RealtimeKit refused for good."""


@dataclass(frozen=True)
class Bounds:
    """Deviations that RealtimeKit's behaviour allows; a run without them must have none."""

    refusals: bool = False
    """RealtimeKit refused for good: what it refused may be missing if `problems` names it."""
    put_out_late: bool = False
    """A person who has to be removed from a room may count as lost before they return."""
    second_records: int = 0
    """How many people may have a second record, because a process slept between checking its lease and sending the
    call.

    A person who has a token keeps the first record.
    """
    lost_parents: int = 0
    """How many empty parents may remain of creates without an answer, because the search showed them too late."""
    late_seconds: float | None = None
    """How late the timer may be if no process died, whatever RealtimeKit does, because it needs no call."""


@dataclass(frozen=True)
class Facts:
    """All that can be seen of one run after its end."""

    run: str
    people: list[str]
    meeting: JSON
    opened: JSON
    closed: JSON
    closes_at: str
    log: list[JSON]
    recordings: list[JSON]
    breakouts: list[JSON]
    seats: dict[str, JSON]
    sandbox: JSON
    kicks: list[tuple[str, str]]
    """Kicks of people from the meeting that their seat named: the name, and the meeting's id."""
    bounds: Bounds = field(default_factory=Bounds)

    def told(self, about: str) -> set[str]:
        """Return the ids of rooms (`room_id`) or people (`custom_participant_id`) with a reported refusal."""
        told = [problem[about] for problem in self.closed["problems"] if problem["what"] in REFUSALS]
        return {it for it in told if it} if self.bounds.refusals else set()


def violations(facts: Facts) -> list[str]:
    """Return a sentence for each rule that was broken."""
    rules = (meetings, admissions, recordings, log, timer, punctuality, people, kicks, promises)
    return [f"{rule.__name__}: {words}" for rule in rules for words in rule(facts)]


def meetings(facts: Facts) -> Iterator[str]:
    """Check that each room has one child meeting and none is alive; unavoidable surplus is retired and reported."""
    ours = [meeting for meeting in facts.sandbox["meetings"] if meeting["title"].startswith(f"{facts.run} · ")]
    rooms = [room for room in facts.closed["rooms"] if room["id"] not in facts.told("room_id")]
    spared = [f" · {room['name']} [" for room in facts.closed["rooms"] if room not in rooms]
    known = [meeting for meeting in ours if not any(name in meeting["title"] for name in spared)]
    if alive := [meeting["title"] for meeting in known if meeting["status"] == "ACTIVE"]:
        yield f"still alive: {alive}"
    owned = {room["realtimekit_meeting_id"] for room in facts.closed["rooms"]}
    surplus = [meeting for meeting in known if meeting["id"] not in owned]
    reported = [problem for problem in facts.closed["problems"] if problem["what"] == "surplus retired"]
    if surplus and not reported:
        yield f"made beside those that are owned, and not reported: {[meeting['title'] for meeting in surplus]}"
    expected = REFUSALS if facts.bounds.refusals else frozenset()
    expected |= {"people lost"} if facts.bounds.put_out_late else set()
    if others := [it for it in facts.closed["problems"] if it not in reported and it["what"] not in expected]:
        yield f"unexpected problems: {others}"
    if len({room["realtimekit_meeting_id"] for room in rooms} & {meeting["id"] for meeting in ours}) != len(rooms):
        yield "a room without a meeting of its own"
    yield from _parents(facts, ours)


def _parents(facts: Facts, children: list[JSON]) -> Iterator[str]:
    parents = [m for m in facts.sandbox["meetings"] if m["title"].startswith(facts.run) and m not in children]
    alive = [m["id"] for m in parents if m["status"] == "ACTIVE"]
    if facts.meeting["realtimekit_meeting_id"] not in alive or len(alive) > 1 + facts.bounds.lost_parents:
        yield f"parents: {[(m['title'], m['status']) for m in parents]}"


def admissions(facts: Facts) -> Iterator[str]:
    """Check that each person was admitted once to their room and once to the parent."""
    rooms = {room["realtimekit_meeting_id"]: room for room in facts.closed["rooms"]}
    here = {*rooms, facts.meeting["realtimekit_meeting_id"]}
    admitted = Counter(
        (one["meeting_id"], one["custom_participant_id"])
        for one in facts.sandbox["participants"]
        if one["meeting_id"] in here
    )
    twice = [who for who, times in admitted.items() if times != 1]
    if len(twice) > facts.bounds.second_records:
        yield f"admitted more than once: {twice}"
    seated = {
        (meeting_id, it["custom_participant_id"]) for meeting_id, room in rooms.items() for it in room["participants"]
    }
    refused = facts.told("custom_participant_id")
    if missing := {(where, who) for where, who in seated - set(admitted) if who not in refused}:
        yield f"never admitted: {sorted(missing)}"
    if len(seated) != len(facts.people):
        yield f"{len(seated)} people seated of {len(facts.people)}"


def recordings(facts: Facts) -> Iterator[str]:
    """Check that each room with people is recorded, by one recording at a time that we know and that is uploaded."""
    rooms = {room["realtimekit_meeting_id"] for room in facts.closed["rooms"]}
    there = {one["id"]: one for one in facts.sandbox["recordings"] if one["meeting_id"] in rooms}
    known = {one["realtimekit_recording_id"] for one in facts.recordings}
    if unknown := set(there) - known:
        yield f"started and forgotten: {sorted(unknown)}"
    if running := [one["id"] for one in there.values() if one["status"] != "UPLOADED"]:
        yield f"not uploaded: {running}"
    told = facts.told("room_id")
    for room in facts.closed["rooms"]:
        of_room = [one for one in there.values() if one["meeting_id"] == room["realtimekit_meeting_id"]]
        if room["id"] not in told:
            yield from _recorded(facts, room, sorted(of_room, key=lambda one: str(one["invoked_time"])))
    others = [one for one in facts.recordings if one["room_id"] not in told]
    if states := [one["state"] for one in others if one["state"] != "uploaded"]:
        yield f"recordings are {states}"


def _recorded(facts: Facts, room: JSON, recordings: list[JSON]) -> Iterator[str]:
    """Check that a room was recorded when the timer ended, if people were there, and never twice at a time.

    Another recording follows one that ended by itself. None follows one that we have stopped.
    """
    ends = facts.closes_at
    there = [peer for peer in facts.sandbox["peers"] if peer["meeting_id"] == room["realtimekit_meeting_id"]]
    people = [peer for peer in there if _covers(ends, peer["joined_at"], peer["left_at"])]
    running = [one for one in recordings if _covers(ends, one["invoked_time"], one["stopped_time"])]
    if people and len(running) != 1:
        yield f"{room['name']} has {len(people)} people and {len(running)} recordings when the timer ends"
    for earlier, later in itertools.pairwise(recordings):
        if _covers(later["invoked_time"], earlier["invoked_time"], earlier["stopped_time"]):
            yield f"{room['name']} was recorded twice at a time"
        if earlier.get("stop_reason", {}).get("reason") == "API_CALL":
            yield f"{room['name']} was recorded on after we had stopped its recording"


def _covers(moment: str, since: str, until: str | None) -> bool:
    return _time(since) <= _time(moment) and (until is None or _time(moment) < _time(until))


def log(facts: Facts) -> Iterator[str]:
    """Check that the log has no gaps and only legal moves, each from where the last one led."""
    numbers = [int(event["id"]) for event in facts.log]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"numbers {numbers}"
    last: dict[tuple[str, ...], str] = {}
    for event in facts.log:
        if event["type"] not in STATES:
            continue
        data, states = event["data"], STATES[event["type"]]
        thing = (event["type"], *(str(data.get(name)) for name in ("room_id", "recording_id", "custom_participant_id")))
        if data["from"] is None:  # a seat of somebody who was moved
            last[thing] = data["to"]
            continue
        if data["from"] != last.get(thing, data["from"]):
            yield f"{thing} went on from {data['from']} after {last[thing]}"
        if states(data["to"]) not in MOVES[states][states(data["from"])]:
            yield f"{thing} went from {data['from']} to {data['to']}"
        last[thing] = data["to"]


def timer(facts: Facts) -> Iterator[str]:
    """Check that the timer closed the breakout, and not early."""
    if facts.closed["close_reason"] != "timer":
        yield f"closed by {facts.closed['close_reason']}"
    began = [_time(event["at"]) for event in facts.log if _is_move(event, "closing")]
    if len(began) != 1 or began[0] < _time(facts.closes_at):
        yield f"closing began at {began}, the timer ended at {facts.closes_at}"
    if facts.closed["closes_at"] != facts.closes_at:
        yield f"answered {facts.closes_at} and kept {facts.closed['closes_at']}"


def punctuality(facts: Facts) -> Iterator[str]:
    """Check that people are called home in time, whatever RealtimeKit does, because the timer needs no call to it."""
    if facts.bounds.late_seconds is None:
        return
    due = _time(facts.closes_at)
    told = {
        "closing began": [_time(event["at"]) for event in facts.log if _is_move(event, "closing")],
        "the last seat turned": [_time(event["at"]) - COUNTDOWN for event in facts.log if _is_seat(event, "returning")],
    }
    for what, times in told.items():
        if times and (late := (max(times) - due).total_seconds()) > facts.bounds.late_seconds:
            yield f"{what} {late:.1f} s late"


def people(facts: Facts) -> Iterator[str]:
    """Check that everybody who was in a room has returned, and that nobody else counts as joined."""
    rooms = {room["realtimekit_meeting_id"] for room in facts.closed["rooms"]}
    went = {peer["custom_participant_id"] for peer in facts.sandbox["peers"] if peer["meeting_id"] in rooms}
    refused = facts.told("custom_participant_id")
    for it in (it for room in facts.closed["rooms"] for it in room["participants"]):
        if it["custom_participant_id"] in refused and it["state"] == "never_joined":
            continue  # they never joined this room, but may have been in the one that they were to leave
        if it["state"] != ("returned" if it["custom_participant_id"] in went else "never_joined"):
            yield f"{it['custom_participant_id']} ended as {it['state']}"
    for name, seat in facts.seats.items():
        if seat["location"] != "main" or seat["realtimekit_meeting_id"] != facts.meeting["realtimekit_meeting_id"]:
            yield f"the seat of {name} points to {seat['location']} {seat['room_name']}"


def kicks(facts: Facts) -> Iterator[str]:
    """Check that nobody was put out of the place that their seat pointed to."""
    for name, meeting_id in facts.kicks:
        yield f"{name} was put out of {meeting_id}, where their seat pointed to"


def promises(facts: Facts) -> Iterator[str]:
    """Check that what was answered 2xx has happened once: one breakout, started once."""
    if [breakout["id"] for breakout in facts.breakouts] != [facts.closed["id"]]:
        yield f"{len(facts.breakouts)} breakouts"
    if sum(_is_move(event, "opening") for event in facts.log) != 1:
        yield "not started once"


def _is_move(event: JSON, to: str) -> bool:
    return bool(event["type"] == "breakout.state" and event["data"]["to"] == to)


def _is_seat(event: JSON, to: str) -> bool:
    return bool(event["type"] == "participant.state" and event["data"]["to"] == to)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
