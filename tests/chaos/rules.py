"""What must hold after the lifecycle that is played here. The rules of every one are in support/invariants.py."""

import itertools
from collections.abc import Iterator

from tests.support.invariants import Facts, covers, is_move, recordings_in
from tests.support.stack import JSON


def whole(facts: Facts) -> Iterator[str]:
    """Check that the breakout was started, and was closed by its timer."""
    if facts.closed["close_reason"] != "timer":
        yield f"closed by {facts.closed['close_reason']}"
    if not any(is_move(event, "opening") for event in facts.log):
        yield "not started"


def seated(facts: Facts) -> Iterator[str]:
    """Check that everybody had a seat, and was admitted to their room and to the parent."""
    rooms = {room["realtimekit_meeting_id"]: room for room in facts.closed["rooms"]}
    admitted = {(one["meeting_id"], one["custom_participant_id"]) for one in facts.sandbox["participants"]}
    seats = {
        (meeting_id, it["custom_participant_id"]) for meeting_id, room in rooms.items() for it in room["participants"]
    }
    refused = facts.told("custom_participant_id")
    if missing := {(where, who) for where, who in seats - admitted if who not in refused}:
        yield f"never admitted: {sorted(missing)}"
    if len(seats) != len(facts.people):
        yield f"{len(seats)} people seated of {len(facts.people)}"


def returned(facts: Facts) -> Iterator[str]:
    """Check that everybody who was in any room has returned. Nobody is ever lost here."""
    rooms = {room["realtimekit_meeting_id"] for room in facts.closed["rooms"]}
    went = {peer["custom_participant_id"] for peer in facts.sandbox["peers"] if peer["meeting_id"] in rooms}
    refused = facts.told("custom_participant_id")
    for it in (it for room in facts.closed["rooms"] for it in room["participants"]):
        if it["custom_participant_id"] in refused and it["state"] == "never_joined":
            continue  # they never joined this room, but may have been in the one that they were to leave
        if it["state"] != ("returned" if it["custom_participant_id"] in went else "never_joined"):
            yield f"{it['custom_participant_id']} ended as {it['state']}"


def recorded(facts: Facts) -> Iterator[str]:
    """Check that each room was recorded when the timer ended, if people were there, and that all files are there."""
    told = facts.told("room_id")
    for room in facts.closed["rooms"]:
        if room["id"] not in told:
            yield from _recorded(facts, room, recordings_in(facts, room))
    others = [one for one in facts.recordings if one["room_id"] not in told]
    if states := [one["state"] for one in others if one["state"] != "uploaded"]:
        yield f"recordings are {states}"


def _recorded(facts: Facts, room: JSON, recordings: list[JSON]) -> Iterator[str]:
    """Check one room. Another recording follows one that ended by itself, and none follows one that we have stopped."""
    ends = facts.closes_at
    there = [peer for peer in facts.sandbox["peers"] if peer["meeting_id"] == room["realtimekit_meeting_id"]]
    people = [peer for peer in there if covers(ends, peer["joined_at"], peer["left_at"])]
    running = [one for one in recordings if covers(ends, one["invoked_time"], one["stopped_time"])]
    if people and len(running) != 1:
        yield f"{room['name']} has {len(people)} people and {len(running)} recordings when the timer ends"
    for earlier, _ in itertools.pairwise(recordings):
        if earlier.get("stop_reason", {}).get("reason") == "API_CALL":
            yield f"{room['name']} was recorded on after we had stopped its recording"


STORY = (whole, seated, returned, recorded)
