"""Meetings and recordings at RealtimeKit that no room needs are found and ended; everything else stays."""

import json
from contextlib import AbstractContextManager

import pytest

from orchestrator.realtimekit.titles import title_with_key
from orchestrator.services.deps import Deps
from orchestrator.services.upkeep import sweep
from orchestrator.services.upkeep.orphans import Orphan
from tests.support.processes import Processes
from tests.support.stack import JSON, Stack

HOUR = 3600
RESTORED = ("seat", "recording", "event", "room", "breakout")
"""Tables of a breakout, in an order in which its rows can be deleted, as if a backup had never contained it."""


def opened_and_aged(stack: Stack, rooms: int = 2, **body: object) -> JSON:
    """Open a breakout, and move the creation of its rooms' meetings to more than an hour ago."""
    made = stack.breakout(stack.meeting(2), rooms=rooms, **body)
    opened = stack.wait(made["id"], "open")
    for room in opened["rooms"]:
        stack.sandbox.age(room["realtimekit_meeting_id"], 2 * HOUR)
    return opened


def forget(stack: Stack, breakout: JSON) -> None:
    """Delete a breakout, as if the database had been restored from an older backup."""
    for table in RESTORED:
        column = "id" if table == "breakout" else "breakout_id"
        stack.execute(f"DELETE FROM {table} WHERE {column} = :id", id=breakout["id"])


def sweep_all(stack: Stack, *, dry_run: bool = False, unknown: bool = True) -> dict[str, Orphan]:
    """Sweep after an older backup was restored, and return what it found by RealtimeKit's ids."""
    found: dict[str, Orphan] = {}
    with stack.parts() as deps:
        page = is_last = 0
        while not is_last:
            page += 1
            read = sweep.sweep_page(deps, page, dry_run=dry_run, unknown=unknown)
            assert read.error is None
            found |= {orphan.realtimekit_id: orphan for orphan in read.found}
            is_last = read.is_last
    return found


def fates(found: dict[str, Orphan], *meeting_ids: str) -> list[str | None]:
    return [found[it].fate if it in found else None for it in meeting_ids]


def status(stack: Stack, meeting_id: str) -> str:
    return next(str(it["status"]) for it in stack.sandbox.state()["meetings"] if it["id"] == meeting_id)


def end(stack: Stack, breakout: JSON) -> JSON:
    stack.post(f"/v1/breakouts/{breakout['id']}/close", {"countdown_seconds": 0})
    return stack.wait(breakout["id"], "closed")


def test_only_what_nobody_needs_is_ended(stack: Stack) -> None:
    lost, living = opened_and_aged(stack), opened_and_aged(stack)
    gone, used = (room["realtimekit_meeting_id"] for room in lost["rooms"])
    forget(stack, lost)
    parents = [stack.get(f"/v1/meetings/{it['meeting_id']}")["realtimekit_meeting_id"] for it in (lost, living)]
    *foreign, young = made_by_others(stack.parts())
    for meeting_id in (*parents, *foreign):
        stack.sandbox.age(meeting_id, 2 * HOUR)
    others = [*parents, *foreign, young, *(room["realtimekit_meeting_id"] for room in living["rooms"])]
    peer = somebody_in(stack, used)
    assert fates(sweep_all(stack, unknown=False), gone, used) == [None, None], "they may be another deployment's"
    assert fates(sweep_all(stack, dry_run=True), gone, used) == ["to be retired", "in use"]
    assert {status(stack, it) for it in (gone, used, *others)} == {"ACTIVE"}
    found = sweep_all(stack)
    assert fates(found, gone, used) == ["retired", "in use"]
    assert not found.keys() & set(others)
    assert status(stack, gone) == "INACTIVE"
    assert {status(stack, it) for it in (used, *others)} == {"ACTIVE"}
    stack.sandbox.leave(peer)
    end(stack, living)


def test_what_can_not_be_ended_keeps_nothing_else_waiting(stack: Stack) -> None:
    lost = opened_and_aged(stack)
    forget(stack, lost)
    gone = [room["realtimekit_meeting_id"] for room in lost["rooms"]]
    stack.sandbox.faults({"operation": "update_meeting_by_id", "kind": "refuse", "message": "Not this one"})
    assert set(fates(sweep_all(stack), *gone)) == {"refused", "retired"}
    assert set(fates(sweep_all(stack), *gone)) == {"retired", None}


def made_by_others(parts: AbstractContextManager[Deps]) -> list[str]:
    """Make a meeting of another install, one of a parent that is being made and, last, one of a room just now."""
    with parts as deps:
        kit = deps.realtimekit
        titles = [
            title_with_key("Room", "0badcafe", "0123456789ab"),
            title_with_key("Parent", deps.install, "m123456789ab"),
            title_with_key("Room", deps.install, "0123456789ab"),
        ]
        return [kit.run(kit.create_meeting(title)).id for title in titles]


def somebody_in(stack: Stack, meeting_id: str) -> str:
    """Join a meeting, and return the peer."""
    preset = "group_call_participant"
    with stack.parts() as deps:
        kit = deps.realtimekit
        added = kit.run(kit.add_participant(meeting_id, custom_participant_id="x", name="X", preset_name=preset))
    return str(stack.sandbox.join(added.token or "")["peer_id"])


@pytest.mark.parametrize("running", ["postgresql"], indirect=True)
def test_a_meeting_of_a_closed_room_is_retired_and_its_breakout_told(stack: Stack, processes: Processes) -> None:
    closed = end(stack, opened_and_aged(stack, rooms=1))
    room = closed["rooms"][0]
    with stack.parts() as deps:
        title = title_with_key("Surplus", deps.install, room["id"][-12:])
        surplus = deps.realtimekit.run(deps.realtimekit.create_meeting(title)).id
    stack.sandbox.age(surplus, 2 * HOUR)
    process = processes.breakouts("sweep", "--json", env=stack.environment)
    assert process.wait() == 0, process.output
    found = {it["realtimekit_id"]: it for it in json.loads(process.output.splitlines()[-1])}
    where = {"breakout_id": closed["id"], "room_id": room["id"]}
    assert found[surplus] == {"kind": "meeting", "realtimekit_id": surplus, "fate": "retired", "refusal": "", **where}
    problem = stack.see(closed["id"])["problems"][0]
    assert (problem["what"], problem["room_id"]) == ("meeting retired late", room["id"])
    assert surplus in problem["detail"]


@pytest.mark.parametrize("running", ["postgresql"], indirect=True)
def test_a_recording_that_runs_on_in_a_closed_room_is_stopped_and_followed(stack: Stack) -> None:
    made = stack.breakout(stack.meeting(1), rooms=1)
    stack.wait(made["id"], "open")
    room = end(stack, made)["rooms"][0]["realtimekit_meeting_id"]
    stack.sandbox.switches(record_empty_meeting="allow")
    with stack.parts() as deps:
        start = deps.realtimekit.start_recording(room, max_seconds=600, file_name_prefix="late")
        recording = deps.realtimekit.run(start).id
    stack.sandbox.switches(record_empty_meeting="refuse")
    assert fates(sweep_all(stack, dry_run=True), recording) == ["to be stopped"]
    assert fates(sweep_all(stack), recording) == ["stopped"]
    stack.wait(made["id"], "closed", 40, lambda b: b["progress"]["recordings"]["uploaded"] == 1)
    assert fates(sweep_all(stack), recording) == [None]
