"""The tale of two rounds with moves, a latecomer, added and deleted rooms, and an endpoint that hears of all of it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tests.chaos.lane import Lane
from tests.chaos.story import (
    ABSENT,
    FOLLOWERS,
    LONG_SECONDS,
    NAMES,
    QUIET,
    STUBBORN,
    Mischief,
    Outcome,
    all_at,
    all_events,
    client_token,
    end_soon,
    gather,
    play,
    seat,
    see,
)
from tests.support import series
from tests.support.endpoint import CallersServer
from tests.support.invariants import Bounds, Facts, violations
from tests.support.stack import JSON, person

LATE, EXTRA, GAP_SECONDS = "late", "Extra", 1
GOES, JOINS, STAYS = NAMES[len(QUIET) : len(QUIET) + 3]
"""Who is moved to another room, who is moved to the added one, and whose room is deleted."""
BODY = {"rounds": 2, "rooms": 3, "duration_seconds": LONG_SECONDS, "countdown_seconds": 1, "gap_seconds": GAP_SECONDS}


def rounds_and_rooms(lane: Lane, run: str, *, point: str, seed: int, switches: Mapping[str, Any]) -> Outcome:
    """Play two rounds in which much is changed, with a crash at `point`."""
    return play(lane, run, point=point, seed=seed, switches=switches, live=_live)


def _live(lane: Lane, run: str, seed: int, mischief: Mischief) -> list[str]:
    with CallersServer() as caller:
        meeting = gather(lane, run, mischief.asked_again)
        asked = {"url": caller.url, "meeting_id": meeting["id"]}
        endpoint = lane.ask("POST", "/v1/webhook-endpoints", asked, key=f"{run}-endpoint")
        body = BODY | {"name": run, "assignment": {"seed": seed}, "start": "manual"}
        made = lane.ask("POST", f"/v1/meetings/{meeting['id']}/rounds", body, key=f"{run}-create")
        first, second = (f"/v1/breakouts/{it['id']}" for it in made["breakouts"])
        lane.path = first
        lane.ask("POST", f"{first}/start", key=f"{run}-start")
        lane.wait(lambda: _are_joined(lane, first, FOLLOWERS), "everybody in a room of the first round")
        _change(lane, run, meeting, first)
        _end(lane, first)
        lane.wait(lambda: _are_joined(lane, second, FOLLOWERS + 1), "everybody in a room of the second round")
        _end(lane, second)
        lane.wait(lambda: _is_retired(lane, first, EXTRA), "the end of a meeting that was kept for another round")
        each = _facts(lane, run, meeting, (first, second))
        lane.wait(lambda: not _waiting(lane, endpoint["id"]), "an end of the deliveries")
        return _faults(each, caller)


def _change(lane: Lane, run: str, meeting: JSON, path: str) -> None:
    """Move people, let one come late, and add and delete a room, each once however often it is asked for."""
    gone = _room_of(see(lane, path), STAYS)
    other = next(room for room in see(lane, path)["rooms"] if room["id"] != gone["id"])
    lane.ask("PUT", f"{path}/participants/{GOES}/room", {"room_id": other["id"]})
    extra = lane.ask("POST", f"{path}/rooms", {"name": EXTRA}, key=f"{run}-extra")
    lane.ask("POST", f"/v1/meetings/{meeting['id']}/participants", {"participants": [person(LATE)]}, key=f"{run}-late")
    lane.stack.crowds.add({LATE: client_token(lane, meeting["id"], LATE)})
    lane.wait(lambda: _is_joined(see(lane, path), LATE), "the latecomer in a room")
    lane.wait(lambda: _room(see(lane, path), extra["id"])["state"] == "open", "the added room open")
    lane.ask("PUT", f"{path}/participants/{JOINS}/room", {"room_id": extra["id"]})
    lane.wait(lambda: all(_is_joined(see(lane, path), name) for name in (GOES, JOINS)), "those who were moved")
    assert _room_of(see(lane, path), JOINS)["id"] == extra["id"]
    lane.ask("DELETE", f"{path}/rooms/{gone['id']}")
    lane.wait(lambda: _room(see(lane, path), gone["id"])["state"] == "closed", "the deleted room closed")
    assert _room(see(lane, path), gone["id"])["deleted"]


def _end(lane: Lane, path: str) -> None:
    lane.wait(lambda: end_soon(lane, path), "a timer that ends soon")
    lane.wait(lambda: see(lane, path)["state"] == "closed", "a closed round")


def _are_joined(lane: Lane, path: str, people: int) -> bool:
    seen = see(lane, path)
    assert seen["state"] == "open", f"{seen['state']} {seen['progress']} {seen['problems']}"
    assert seen["progress"]["participants"]["joined"] == people, f"{seen['progress']} {seen['problems']}"
    return True


def _room_of(breakout: JSON, name: str) -> JSON:
    rooms: list[JSON] = breakout["rooms"]
    return next(it for it in rooms if name in {one["custom_participant_id"] for one in it["participants"]})


def _room(breakout: JSON, room_id: str) -> JSON:
    rooms: list[JSON] = breakout["rooms"]
    return next(it for it in rooms if it["id"] == room_id)


def _is_retired(lane: Lane, path: str, name: str) -> bool:
    """Whether a room's meeting has ended. One that only an earlier round used ends a moment after the last round."""
    its_id = next(room["realtimekit_meeting_id"] for room in see(lane, path)["rooms"] if room["name"] == name)
    return all(it["status"] == "INACTIVE" for it in lane.stack.sandbox.state()["meetings"] if it["id"] == its_id)


def _is_joined(breakout: JSON, name: str) -> bool:
    states = {it["custom_participant_id"]: it["state"] for room in breakout["rooms"] for it in room["participants"]}
    return bool(states.get(name) == "joined")


def _waiting(lane: Lane, endpoint_id: str) -> bool:
    """Whether something is still to be delivered. What was answered is recorded a moment later."""
    items = lane.ask("GET", f"/v1/webhook-endpoints/{endpoint_id}/deliveries?limit=200&order=desc")["items"]
    assert items, "nothing was delivered"
    return any(it["state"] == "pending" for it in items)


def _facts(lane: Lane, run: str, meeting: JSON, paths: tuple[str, str]) -> list[Facts]:
    lane.wait(lambda: all_at(lane, meeting["realtimekit_meeting_id"], late=1), "everybody in main")
    items = lane.ask("GET", f"/v1/meetings/{meeting['id']}/breakouts")["items"]
    shared = Facts(
        run=run,
        people=[*NAMES, LATE],
        meeting=meeting,
        opened={},
        closed={},
        closes_at="",
        log=[],
        recordings=[],
        breakouts=items,
        seats={name: seat(lane, meeting["id"], name) for name in (GOES, LATE, *STUBBORN)},
        sandbox=lane.stack.sandbox.state(),
        kicks=lane.stack.crowds.wrongly_kicked(),
        bounds=Bounds(),
        made=[path.rpartition("/")[2] for path in paths],
    )
    each = [_of_round(lane, shared, path) for path in paths]
    return [replace(one, siblings=[other for other in each if other is not one]) for one in each]


def _of_round(lane: Lane, shared: Facts, path: str) -> Facts:
    closed = see(lane, path)
    return replace(shared, closed=closed, closes_at=closed["closes_at"], log=all_events(lane, path))


def _faults(each: list[Facts], caller: CallersServer) -> list[str]:
    found = [words for one in each for words in violations(one, _accounted)]
    found += [f"in turn: {words}" for words in series.in_turn(each[0], GAP_SECONDS, ())]
    found += [f"one at a time: {words}" for words in series.one_at_a_time(each[0])]
    return found + [f"deliveries: {words}" for one in each for words in _misheard(one, caller)]


def _accounted(facts: Facts) -> Iterator[str]:
    """Check that nobody is lost, and that who did not come has never joined."""
    for it in (it for room in facts.closed["rooms"] for it in room["participants"]):
        name, stays_away = it["custom_participant_id"], it["custom_participant_id"] in (*ABSENT, *STUBBORN)
        if it["state"] != ("never_joined" if stays_away else "returned"):
            yield f"{name} ended as {it['state']}"


def _misheard(facts: Facts, caller: CallersServer) -> list[str]:
    """Return what an endpoint heard wrongly of a round: each event once, in the order of the log."""
    first: dict[str, tuple[str, str]] = {}
    for heard in caller.heard:
        if heard.body["data"]["breakout_id"] == facts.closed["id"]:
            first.setdefault(heard.id, (heard.body["type"], heard.body["timestamp"]))
    told, expected = list(first.values()), [(it["type"], it["at"]) for it in facts.log]
    missed = expected[: len(expected) - len(told)]  # what happened before the endpoint was there
    return [] if told == expected else [f"heard {len(told)} of {len(expected)}, without {missed[:2]}"]
