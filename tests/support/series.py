"""What must hold of all breakouts of a meeting together, and of the rounds of a series."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from tests.support.invariants import Facts, is_move, moment_of

NEVER = datetime.max.replace(tzinfo=UTC)
STOPS = ("aborted", "parent_ended")
"""How a round ends after which the next one is started by hand."""


def one_at_a_time(facts: Facts) -> Iterator[str]:
    """Check that of a meeting's breakouts never two were live."""
    spans = [(each.span[0], each.span[1] or NEVER, each.closed["name"]) for each in facts.family]
    begun = sorted((began, ended, name) for began, ended, name in spans if began is not None)
    for (_, ended, earlier), (began, _, later) in pairwise(begun):
        if began < ended:
            yield f"{later} began at {began}, before {earlier} ended at {ended}"


def rounds_of(facts: Facts) -> list[Facts]:
    """Return the rounds of the series to which a breakout belongs, in their order, without those cancelled."""
    series = facts.closed["series_id"]
    mine = [it for it in facts.family if series is not None and it.closed["series_id"] == series]
    return sorted((it for it in mine if it.closed["state"] != "cancelled"), key=lambda it: int(it.closed["round"]))


def in_turn(facts: Facts, gap_seconds: float, by_hand: Collection[str]) -> Iterator[str]:
    """Check that each round that nobody has touched came after the one before, or says why it did not."""
    for earlier, later in pairwise(rounds_of(facts)):
        began, ended = later.span[0], earlier.span[1]
        if later.closed["id"] in by_hand:
            continue
        if began is not None and (ended is None or began < ended + timedelta(seconds=gap_seconds)):
            yield f"{later.closed['name']} began at {began}, {earlier.closed['name']} ended at {ended}"
        has_stopped = earlier.closed["state"] == "failed" or earlier.closed["close_reason"] in STOPS
        if has_stopped and began is not None:
            yield f"{later.closed['name']} began although {earlier.closed['name']} was {earlier.closed['close_reason']}"
        stopped = [it for it in later.closed["problems"] if it["what"] == "series stopped"]
        if stopped and not has_stopped:
            yield f"{later.closed['name']} was stopped for nothing: {stopped}"


def shared(facts: Facts, held_up: Collection[datetime]) -> Iterator[str]:
    """Check that rooms of the same index in two rounds had one child meeting, which was made once.

    A round does not wait for a pass that was held up at one of these times and may yet put people out of the meeting.
    """
    for earlier, later in pairwise(rounds_of(facts)):
        since = [moment_of(event["at"]) for event in earlier.log if is_move(event, "closing")]
        if since and later.span[0] and any(since[-1] <= at <= later.span[0] for at in held_up):
            continue
        before = {room["index"]: room["realtimekit_meeting_id"] for room in earlier.closed["rooms"]}
        for room in later.closed["rooms"]:
            meeting_id, known = room["realtimekit_meeting_id"], before.get(room["index"])
            if meeting_id and known and meeting_id != known:
                yield f"{room['name']} of {later.closed['name']} has a meeting of its own, {meeting_id} beside {known}"
