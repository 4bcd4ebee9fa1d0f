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
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
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
ACCOUNTED = {"returned", "lost", "never_joined"}
"""The states in which a seat may end."""
REFUSALS = frozenset(
    {
        "room failed",
        "participant refused",
        "poll refused",
        "recording refused",
        "recording interrupted",
        "RealtimeKit refused",
    }
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
    problems: frozenset[str] = frozenset()
    """What may be reported besides, because somebody outside has done it, or because it took long."""
    ends_unseen: bool = False
    """A recording that was started without an answer may have ended before anybody looked, and stays unknown."""
    let_in_again: frozenset[str] = frozenset()
    """People who were removed and registered anew: that they were in a room before may be learnt after that."""
    losses: frozenset[str] = frozenset()
    """People who may count as lost, because nothing has told where they are."""


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
    siblings: Sequence["Facts"] = ()
    """The other breakouts of the meeting; rounds of one series share child meetings."""
    made: Sequence[str] = ()
    """The ids of all breakouts whose making was answered; none given means this one alone."""
    dropped: Mapping[str, str] = field(default_factory=dict)
    """Child meetings of rooms that a plan does without since they were prepared, and these rooms: no surplus."""

    @property
    def family(self) -> "list[Facts]":
        """This breakout and the others of its meeting."""
        return [self, *self.siblings]

    @property
    def span(self) -> tuple[datetime | None, datetime | None]:
        """When it began to open, and when it ended; None for what has not happened."""
        began = [moment_of(event["at"]) for event in self.log if is_move(event, "opening")]
        ended = [moment_of(event["at"]) for event in self.log if is_move(event, "closed") or is_move(event, "failed")]
        return (began[0] if began else None), (ended[-1] if ended else None)

    def told(self, about: str) -> set[str]:
        """Return the ids of rooms (`room_id`) or people (`custom_participant_id`) with a reported refusal."""
        told = [problem[about] for problem in self.closed["problems"] if problem["what"] in REFUSALS]
        return {it for it in told if it} if self.bounds.refusals else set()


Rule = Callable[[Facts], Iterator[str]]


def violations(facts: Facts, *more: Rule) -> list[str]:
    """Return a sentence for each rule that was broken: those of every lifecycle, and `more` of a certain story."""
    rules = (meetings, admissions, recordings, log, timer, punctuality, people, kicks, promises, *more)
    return [f"{rule.__name__}: {words}" for rule in rules for words in rule(facts)]


def meetings(facts: Facts) -> Iterator[str]:
    """Check that each room has one child meeting and none is alive; unavoidable surplus is retired and reported."""
    of_run = re.compile(rf"{re.escape(facts.run)}( \d+)? · ")  # the name of a round ends in its number
    ours = [meeting for meeting in facts.sandbox["meetings"] if of_run.match(meeting["title"])]
    rooms = [room for room in facts.closed["rooms"] if room["id"] not in facts.told("room_id")]
    spared = [
        f" · {room['name']} [" for it in facts.family for room in it.closed["rooms"] if room["id"] in it.told("room_id")
    ]
    told = {room_id for each in facts.family for room_id in each.told("room_id")}
    refused = {meeting_id for meeting_id, room_id in facts.dropped.items() if room_id in told}
    known = [it for it in ours if not any(name in it["title"] for name in spared) and it["id"] not in refused]
    if alive := [meeting["title"] for meeting in known if meeting["status"] == "ACTIVE"]:
        yield f"still alive: {alive}"
    owned = {
        room["realtimekit_meeting_id"] for it in facts.family for room in it.closed["rooms"]
    } | facts.dropped.keys()
    surplus = [meeting for meeting in known if meeting["id"] not in owned]
    reported = [problem for problem in facts.closed["problems"] if problem["what"] == "surplus retired"]
    if surplus and not any(it["what"] == "surplus retired" for each in facts.family for it in each.closed["problems"]):
        yield f"made beside those that are owned, and not reported: {[meeting['title'] for meeting in surplus]}"
    expected = facts.bounds.problems | (REFUSALS if facts.bounds.refusals else frozenset())
    expected |= {"people lost"} if facts.bounds.put_out_late else set()
    if others := [it for it in facts.closed["problems"] if it not in reported and it["what"] not in expected]:
        yield f"unexpected problems: {others}"
    got_ready = {event["data"]["room_id"] for event in facts.log if _is_room(event, "ready")}
    ready = [room for room in rooms if room["id"] in got_ready]
    if len({room["realtimekit_meeting_id"] for room in ready} & {meeting["id"] for meeting in ours}) != len(ready):
        yield "a room without a meeting of its own"
    yield from _parents(facts, ours)


def _parents(facts: Facts, children: list[JSON]) -> Iterator[str]:
    parents = [m for m in facts.sandbox["meetings"] if m["title"].startswith(facts.run) and m not in children]
    alive = [m["id"] for m in parents if m["status"] == "ACTIVE"]
    if facts.meeting["realtimekit_meeting_id"] not in alive or len(alive) > 1 + facts.bounds.lost_parents:
        yield f"parents: {[(m['title'], m['status']) for m in parents]}"


def admissions(facts: Facts) -> Iterator[str]:
    """Check that each person was admitted at most once to each room and to the parent."""
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


def recordings(facts: Facts) -> Iterator[str]:
    """Check that each room has one recording at a time that we know, and that all have come to their end."""
    rooms = {room["realtimekit_meeting_id"] for room in facts.closed["rooms"]}
    there = {one["id"]: one for one in facts.sandbox["recordings"] if one["meeting_id"] in rooms}
    known = {one["realtimekit_recording_id"] for it in facts.family for one in it.recordings}
    ended = {one["id"] for one in there.values() if one["stopped_time"] is not None}
    if unknown := set(there) - known - (ended if facts.bounds.ends_unseen else set()):
        yield f"started and forgotten: {sorted(unknown)}"
    if running := [one["id"] for one in there.values() if one["status"] not in ("UPLOADED", "ERRORED")]:
        yield f"not uploaded: {running}"
    for room in facts.closed["rooms"]:
        for earlier, later in itertools.pairwise(recordings_in(facts, room)):
            if covers(later["invoked_time"], earlier["invoked_time"], earlier["stopped_time"]):
                yield f"{room['name']} was recorded twice at a time"
    if states := [one["state"] for one in facts.recordings if one["state"] not in ("uploaded", "failed", "skipped")]:
        yield f"recordings are {states}"


def recordings_in(facts: Facts, room: JSON) -> list[JSON]:
    """Return the recordings of a room at RealtimeKit, the first one first."""
    of_room = [one for one in facts.sandbox["recordings"] if one["meeting_id"] == room["realtimekit_meeting_id"]]
    return sorted(of_room, key=lambda one: str(one["invoked_time"]))


def covers(moment: str, since: str, until: str | None) -> bool:
    """Return whether a moment lies in a span of time."""
    return moment_of(since) <= moment_of(moment) and (until is None or moment_of(moment) < moment_of(until))


def log(facts: Facts) -> Iterator[str]:
    """Check that the log has no gaps and only legal moves, each from where the last one led.

    Until a room is prepared, `breakout.changed` alone tells that people sit elsewhere now.
    """
    numbers = [int(event["id"]) for event in facts.log]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"numbers {numbers}"
    last: dict[tuple[str, ...], str] = {}
    for at, event in enumerate(facts.log):
        if _seats_anew(facts.log[: at + 1]):
            last = {thing: state for thing, state in last.items() if thing[0] != "participant.state"}
        if event["type"] not in STATES:
            continue
        data, states = event["data"], STATES[event["type"]]
        thing = (event["type"], *(str(data.get(name)) for name in ("room_id", "recording_id", "custom_participant_id")))
        if data["from"] is None:  # a seat of somebody who was moved
            last[thing] = data["to"]
            continue
        if _is_of_earlier_seat(facts, data, last.get(thing)):
            continue
        if data["from"] != last.get(thing, data["from"]):
            yield f"{thing} went on from {data['from']} after {last[thing]}"
        if states(data["to"]) not in MOVES[states][states(data["from"])]:
            yield f"{thing} went from {data['from']} to {data['to']}"
        last[thing] = data["to"]


def _seats_anew(log: list[JSON]) -> bool:
    """Return whether the last of these events tells that people were dealt to other rooms, of which none was made."""
    is_change = log[-1]["type"] == "breakout.changed" and "rooms" in log[-1]["data"]["fields"]
    return is_change and not any(event["type"] == "room.state" for event in log)


def _is_of_earlier_seat(facts: Facts, data: JSON, last: str | None) -> bool:
    """Return whether it is learnt late of somebody who was removed since, and let in again, that they were there."""
    is_corrected = (data["from"], data["to"]) == ("never_joined", "returned") and last != "never_joined"
    return is_corrected and data.get("custom_participant_id") in facts.bounds.let_in_again


def timer(facts: Facts) -> Iterator[str]:
    """Check that a timer that closed the breakout was not early, and closed once but for countdowns called off."""
    began = [moment_of(event["at"]) for event in facts.log if is_move(event, "closing")]
    called_off = sum(is_move(event, "open") and event["data"]["from"] == "closing" for event in facts.log)
    if len(began) > 1 + called_off:
        yield f"closing began at {began}, and was called off {called_off} times"
    if facts.closed["close_reason"] != "timer":
        return
    if not began or began[-1] < moment_of(facts.closes_at):
        yield f"closing began at {began}, the timer ended at {facts.closes_at}"
    if facts.closed["closes_at"] != facts.closes_at:
        yield f"answered {facts.closes_at} and kept {facts.closed['closes_at']}"


def punctuality(facts: Facts) -> Iterator[str]:
    """Check that people are called home in time, whatever RealtimeKit does, because the timer needs no call to it."""
    if facts.bounds.late_seconds is None:
        return
    due = moment_of(facts.closes_at)
    told = {
        "closing began": [moment_of(event["at"]) for event in facts.log if is_move(event, "closing")],
        "the last seat turned": [
            moment_of(event["at"]) - COUNTDOWN for event in facts.log if _is_seat(event, "returning")
        ],
    }
    for what, times in told.items():
        if times and (late := (max(times) - due).total_seconds()) > facts.bounds.late_seconds:
            yield f"{what} {late:.1f} s late"


def people(facts: Facts) -> Iterator[str]:
    """Check that everybody is accounted for truly, that nobody is left in a room, and that all seats point home."""
    rooms = {room["realtimekit_meeting_id"]: room for room in facts.closed["rooms"]}
    of_rooms = [peer for peer in facts.sandbox["peers"] if peer["meeting_id"] in rooms]
    seated = {_seat_of(event): event["at"] for event in facts.log if _is_seating(event)}
    began, ended = facts.span
    went = {
        (peer["meeting_id"], peer["custom_participant_id"])
        for peer in of_rooms
        if _stayed_after(peer, seated.get((rooms[peer["meeting_id"]]["id"], peer["custom_participant_id"])))
        and _stayed_within(peer, began, ended)
    }
    refused = facts.told("custom_participant_id")
    for meeting_id, room in rooms.items() if began else ():
        for it in room["participants"]:
            name, state = it["custom_participant_id"], it["state"]
            has_been = (meeting_id, name) in went
            if state not in ACCOUNTED:
                yield f"{name} ended as {state}"
            elif state == "never_joined" and has_been and name not in refused and name not in facts.bounds.losses:
                yield f"{name} was in {room['name']} and ended as {state}"
            elif state == "lost" and name not in facts.bounds.losses:
                yield f"{name} ended as {state}"
            elif state == "returned" and not has_been:
                yield f"{name} never was in {room['name']} and ended as {state}"
    if left := [peer["custom_participant_id"] for peer in of_rooms if peer["left_at"] is None]:
        yield f"left in rooms: {left}"
    for name, seat in facts.seats.items():
        if seat["location"] != "main" or seat["realtimekit_meeting_id"] != facts.meeting["realtimekit_meeting_id"]:
            yield f"the seat of {name} points to {seat['location']} {seat['room_name']}"


def _seat_of(event: JSON) -> tuple[str, str]:
    return event["data"]["room_id"], event["data"]["custom_participant_id"]


def _is_seating(event: JSON) -> bool:
    """Return whether somebody was seated in a room, perhaps again: what was before does not count any more."""
    return bool(event["type"] == "participant.state" and event["data"]["from"] is None)


def _stayed_after(peer: JSON, since: str | None) -> bool:
    return since is None or peer["left_at"] is None or moment_of(peer["left_at"]) > moment_of(since)


def _stayed_within(peer: JSON, began: datetime | None, ended: datetime | None) -> bool:
    """Return whether a stay was at the time of the breakout, and not of another round in the same child meeting."""
    if began is None:
        return False
    is_before = peer["left_at"] is not None and moment_of(peer["left_at"]) <= began
    return not is_before and (ended is None or moment_of(peer["joined_at"]) < ended)


def kicks(facts: Facts) -> Iterator[str]:
    """Check that nobody was put out of the place that their seat pointed to."""
    for name, meeting_id in facts.kicks:
        yield f"{name} was put out of {meeting_id}, where their seat pointed to"


def promises(facts: Facts) -> Iterator[str]:
    """Check that what was answered 2xx has happened once: each breakout is there, and was not started twice."""
    if {breakout["id"] for breakout in facts.breakouts} != set(facts.made or [facts.closed["id"]]):
        yield f"{len(facts.breakouts)} breakouts"
    if sum(is_move(event, "opening") for event in facts.log) > 1:
        yield "started twice"


def is_move(event: JSON, to: str) -> bool:
    """Return whether an event of the log moves the breakout there."""
    return bool(event["type"] == "breakout.state" and event["data"]["to"] == to)


def _is_room(event: JSON, to: str) -> bool:
    return bool(event["type"] == "room.state" and event["data"]["to"] == to)


def _is_seat(event: JSON, to: str) -> bool:
    return bool(event["type"] == "participant.state" and event["data"]["to"] == to)


def moment_of(text: str) -> datetime:
    """Read a time as it is written in JSON."""
    return datetime.fromisoformat(text)
