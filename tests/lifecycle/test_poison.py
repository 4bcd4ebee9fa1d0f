"""A room that fails again and again for reasons of its own is given up in time and delays no other.

It can be retried by hand. An outage is waited out.
"""

from collections.abc import Iterator

import pytest

from orchestrator.realtimekit.titles import title_with_key
from schemas.tables import Meeting
from tests.lifecycle.refusing import ERROR, unmarkable
from tests.support.databases import migrate_url
from tests.support.postgres import Postgres
from tests.support.processes import processes_in
from tests.support.stack import JSON, Stack, stack_in
from tests.support.valkey import valkey_in
from tests.support.waiting import wait_until

pytestmark = pytest.mark.xdist_group("poison")

PRESET = "group_call_participant"
CREATE, ADD, RETIRE = "create_meeting", "add_participant", "update_meeting_by_id"
IMPATIENT = {"ROOM_TRIES": "3", "CLOSING_PATIENCE_SECONDS": "1", "SEARCH_SETTLE_SECONDS": "0", "LEASE_SECONDS": "3"}
IMPATIENT |= {"REALTIMEKIT_TIMEOUT_SECONDS": "2", "RETURN_GRACE_SECONDS": "0.5", "LOOK_AGAIN_SECONDS": "1"}
IMPATIENT |= {"SWEEP_SECONDS": "1"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Stack]:
    """Run a system that gives rooms up soon, with a broker of its own because other workers would take its tasks."""
    folder, url = tmp_path_factory.mktemp("poison"), postgres.migrated(migrate_url)
    with valkey_in(folder / "valkey") as broker, processes_in(folder) as processes:
        parts = {"database_url": url, "broker_url": broker.url, "home": folder / "home", "settings": IMPATIENT}
        with stack_in(processes, **parts) as stack:
            stack.start()
            yield stack


def broken(room: str, operation: str = CREATE) -> JSON:
    """Let RealtimeKit fail for ever for calls about this room."""
    return {"operation": operation, "kind": "error_before", "match": room, "times": None}


def rooms_of(breakout: JSON) -> dict[str, JSON]:
    """Return a breakout's rooms by their names."""
    return {room["name"]: room for room in breakout["rooms"]}


def close(stack: Stack, made: JSON) -> JSON:
    stack.sandbox.faults()
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    return stack.wait(made["id"], "closed")


def retry(stack: Stack, made: JSON, room: str) -> JSON:
    return stack.post(f"/v1/breakouts/{made['id']}/rooms/{rooms_of(made)[room]['id']}/retry")


def test_a_room_that_fails_by_itself_is_given_up_and_can_be_retried(stack: Stack) -> None:
    meeting = stack.meeting(4)
    stack.sandbox.faults(broken("Blue"))
    made = stack.breakout(meeting, rooms=["Red", "Blue"])
    opened = stack.wait(made["id"], "open")
    blue = rooms_of(opened)["Blue"]
    assert blue["state"] == "failed"
    assert blue["error"]
    assert [(it["what"], it["room_id"]) for it in opened["problems"]] == [("room failed", blue["id"])]
    assert len(rooms_of(opened)["Red"]["participants"]) == 4
    stack.sandbox.faults()
    asked = retry(stack, opened, "Blue")
    assert rooms_of(asked)["Blue"]["state"] == "preparing"
    again = stack.wait(made["id"], "open", condition=lambda b: rooms_of(b)["Blue"]["state"] == "open")
    assert rooms_of(again)["Blue"]["error"] is None
    assert [len(room["participants"]) for room in again["rooms"]] == [4, 0]
    path = f"/v1/breakouts/{made['id']}/rooms/{blue['id']}/retry"
    assert {room["state"] for room in close(stack, made)["rooms"]} == {"closed"}
    assert stack.api.post(path).status_code == 409


def test_people_who_stayed_have_their_seats_in_the_room_that_is_retried(stack: Stack) -> None:
    meeting = stack.meeting(4)
    stack.sandbox.faults(broken("Blue", ADD))
    made = stack.breakout(meeting, rooms=["Red", "Blue"], on_room_failure="keep")
    opened = stack.wait(made["id"], "open", condition=lambda b: _retired(stack, rooms_of(b)["Blue"]))
    first = rooms_of(opened)["Blue"]["realtimekit_meeting_id"]
    assert {one["state"] for one in rooms_of(opened)["Blue"]["participants"]} == {"never_joined"}
    stack.sandbox.faults()
    retry(stack, opened, "Blue")
    again = stack.wait(made["id"], "open", condition=lambda b: rooms_of(b)["Blue"]["state"] == "open")
    blue = rooms_of(again)["Blue"]
    assert blue["realtimekit_meeting_id"] != first
    assert {one["state"] for one in blue["participants"]} == {"invited"}
    who = blue["participants"][0]["custom_participant_id"]
    assert stack.seat(meeting, who)["realtimekit_meeting_id"] == blue["realtimekit_meeting_id"]
    close(stack, made)


def test_a_meeting_that_was_not_retired_is_adopted_by_the_retry(stack: Stack) -> None:
    meeting = stack.meeting(4)
    stack.sandbox.faults(broken("Blue", ADD), broken("Blue", RETIRE))
    made = stack.breakout(meeting, rooms=["Red", "Blue"], on_room_failure="keep")
    opened = stack.wait(made["id"], "open")
    first = rooms_of(opened)["Blue"]["realtimekit_meeting_id"]
    stack.sandbox.faults(broken("Blue", RETIRE))
    retry(stack, opened, "Blue")
    again = stack.wait(made["id"], "open", condition=lambda b: rooms_of(b)["Blue"]["state"] == "open")
    assert rooms_of(again)["Blue"]["realtimekit_meeting_id"] == first
    close(stack, made)


def test_somebody_who_can_not_be_admitted_costs_nobody_else_the_room(stack: Stack) -> None:
    meeting = stack.meeting(4)
    stack.sandbox.faults(broken('"p2"', ADD))
    made = stack.breakout(meeting, rooms=1)
    opened = stack.wait(made["id"], "open")
    assert opened["progress"]["participants"]["admitted"] == 3
    assert [it["custom_participant_id"] for it in opened["problems"]] == ["p2"]
    close(stack, made)


def test_a_room_that_can_not_be_closed_does_not_keep_the_breakout_open(stack: Stack) -> None:
    meeting = stack.meeting(4)
    made = stack.breakout(meeting, rooms=["Red", "Blue"])
    opened = stack.wait(made["id"], "open")
    stack.sandbox.faults(broken("Blue", RETIRE))
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    closed = stack.wait(made["id"], "closed")
    problems = {it["what"]: it["room_id"] for it in closed["problems"]}
    assert problems == {"room not closed": rooms_of(opened)["Blue"]["id"]}
    assert not _retired(stack, rooms_of(opened)["Blue"])
    assert _retired(stack, rooms_of(opened)["Red"])


def test_a_room_of_which_no_pass_can_begin_is_given_up_with_our_own_words(stack: Stack) -> None:
    meeting = stack.meeting(4)
    made = stack.breakout(meeting, rooms=["Red", "Blue"], on_room_failure="keep", start="manual")
    who = rooms_of(made)["Blue"]["participants"][0]["custom_participant_id"]
    with unmarkable(stack, meeting, who):
        stack.post(f"/v1/breakouts/{made['id']}/start")
        opened = stack.wait(made["id"], "open")
        blue = rooms_of(opened)["Blue"]
        assert (blue["state"], blue["error"]) == ("failed", f"an error of ours: {ERROR}")
        assert {one["state"] for one in rooms_of(opened)["Red"]["participants"]} == {"invited"}
    retry(stack, opened, "Blue")
    stack.wait(made["id"], "open", condition=lambda b: rooms_of(b)["Blue"]["state"] == "open")
    close(stack, made)


def test_an_error_of_ours_that_goes_away_in_time_costs_nobody_the_room(stack: Stack) -> None:
    meeting = stack.meeting(2)
    made = stack.breakout(meeting, rooms=1, start="manual")
    with unmarkable(stack, meeting, "p0"):
        stack.post(f"/v1/breakouts/{made['id']}/start")
        stack.wait(made["id"], "opening", condition=lambda b: b["rooms"][0]["error"] == f"an error of ours: {ERROR}")
    opened = stack.wait(made["id"], "open")
    assert (opened["problems"], opened["rooms"][0]["error"]) == ([], None)
    close(stack, made)


def test_the_sweep_comes_round_by_itself(stack: Stack) -> None:
    made = stack.breakout(stack.meeting(1), rooms=1, start="manual")
    stack.post(f"/v1/breakouts/{made['id']}/cancel")
    with stack.parts() as deps:
        kit, title = deps.realtimekit, title_with_key("Late", deps.install, made["rooms"][0]["id"][-12:])
        orphan = kit.run(kit.create_meeting(title)).id
    stack.sandbox.age(orphan, 7200)
    wait_until(lambda: _status(stack, orphan) == "INACTIVE", what="the sweep")


def test_what_fails_for_all_is_tried_until_it_works(stack: Stack) -> None:
    meeting = stack.meeting(4)
    stack.sandbox.faults(broken("Room"))
    made = stack.breakout(meeting, rooms=["Room 1", "Room 2"])
    wait_until(lambda: stack.sandbox.faults_met() > 6, what="more tries than a room has")
    assert {room["state"] for room in stack.see(made["id"])["rooms"]} == {"preparing"}
    stack.sandbox.faults()
    assert stack.wait(made["id"], "open")["problems"] == []
    stack.sandbox.forget_calls()
    stack.sandbox.faults({"kind": "error_before", "times": None})
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    wait_until(lambda: stack.sandbox.calls()["counts"].get(RETIRE, 0) > 6, what="an outage that lasts")
    assert stack.see(made["id"])["state"] == "closing"
    stack.sandbox.faults()
    closed = stack.wait(made["id"], "closed")
    assert closed["problems"] == []
    assert all(_retired(stack, room) for room in closed["rooms"])


def test_an_outage_that_begins_when_one_room_is_open_is_no_fault_of_the_others(stack: Stack) -> None:
    meeting = stack.meeting(4)
    stack.sandbox.faults({"operation": CREATE, "kind": "silence", "match": "Blue", "times": 2, "seconds": 5})
    made = stack.breakout(meeting, rooms=["Red", "Blue"])
    stack.wait(made["id"], "opening", condition=lambda b: rooms_of(b)["Red"]["state"] == "open")
    stack.sandbox.faults({"kind": "error_before", "times": None})
    wait_until(lambda: stack.sandbox.faults_met() > 8, what="more tries than a room has")
    assert rooms_of(stack.see(made["id"]))["Blue"]["state"] == "preparing"
    stack.sandbox.faults()
    opened = stack.wait(made["id"], "open")
    assert (opened["problems"], opened["progress"]["rooms"]["open"]) == ([], 2)
    close(stack, made)


def test_an_adopted_meeting_that_is_gone_is_not_asked_for_again_and_again(stack: Stack) -> None:
    elsewhere = stack.get(f"/v1/meetings/{stack.meeting(0)}")["realtimekit_meeting_id"]
    stack.execute("UPDATE meeting SET realtimekit_meeting_id = id WHERE realtimekit_meeting_id = :it", it=elsewhere)
    listed = "get_meeting_participants"
    stack.sandbox.faults(
        {"operation": listed, "kind": "refuse", "status": 404, "match": elsewhere, "times": None, "message": "gone"}
    )
    adopted = stack.post("/v1/meetings", {"title": "Adopted", "realtimekit_meeting_id": elsewhere})["id"]
    with stack.parts() as deps:

        def given_up() -> bool:
            with deps.database.reading() as session:
                row = session.get(Meeting, adopted)
                return bool(row and not row.to_import and row.due_at is None)

        wait_until(given_up, what="the import to be given up")
    assert stack.sandbox.faults_met() == 1


def test_an_import_that_was_refused_is_tried_once_more_later(stack: Stack) -> None:
    elsewhere = stack.get(f"/v1/meetings/{stack.meeting(3)}")["realtimekit_meeting_id"]
    stack.execute("UPDATE meeting SET realtimekit_meeting_id = id WHERE realtimekit_meeting_id = :it", it=elsewhere)
    with stack.parts() as deps:
        kit = deps.realtimekit
        kit.run(kit.add_participant(elsewhere, custom_participant_id="eve", name="Eve", preset_name=PRESET))
    listed = "get_meeting_participants"
    stack.sandbox.faults({"operation": listed, "kind": "refuse", "status": 403, "match": elsewhere})
    adopted = stack.post("/v1/meetings", {"title": "Adopted", "realtimekit_meeting_id": elsewhere})["id"]
    wait_until(lambda: stack.sandbox.faults_met() == 1, what="the refusal")
    soon = (
        "UPDATE meeting SET due_at = now() WHERE id = :it AND holder IS NULL AND due_at > now() + interval '4 minutes'"
    )
    path = f"/v1/meetings/{adopted}/participants"

    def imported() -> bool:
        stack.execute(soon, it=adopted)
        return [it["custom_participant_id"] for it in stack.get(path)["items"]] == ["eve"]

    wait_until(imported, every=0.2, what="the import, five minutes later")


def _retired(stack: Stack, room: JSON) -> bool:
    return _status(stack, room["realtimekit_meeting_id"]) == "INACTIVE"


def _status(stack: Stack, meeting_id: str) -> str:
    return next(str(it["status"]) for it in stack.sandbox.state()["meetings"] if it["id"] == meeting_id)
