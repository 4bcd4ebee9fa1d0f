"""Metrics and logs of a breakout tell what happened, and contain no secret or name."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from orchestrator.store.messages import Message
from schemas.tasks import Task
from tests.support.processes import Process
from tests.support.scrape import Figures
from tests.support.stack import JSON, KEY, Stack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("running", ["postgresql"], indirect=True)

TITLE, BREAKOUT, ROOMS = "Quarterly Layoffs", "Hush Round", ["Mauve Parlour", "Teal Parlour"]
PEOPLE = {"zq-77": "Zebulon Quartermain", "iv-78": "Ottoline Vickers", "wb-79": "Wilhelmina Brandt"}
REFUSED = "wb-79"
NOBODY = "01890a5d-ac96-774b-bcce-b302099a805\0"
"""A text that PostgreSQL refuses."""
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}")


@dataclass
class Story:
    """A scheduled breakout of three people, from start to end; RealtimeKit refuses one of them by name."""

    breakout: JSON
    before: Figures
    during: Figures
    after: Figures
    lines: list[JSON]
    """The log lines of all processes."""
    output: str
    secrets: list[str]

    def grown(self, name: str, **labels: str) -> float:
        """Return by how much a counter has grown."""
        return self.after.get(name, **labels) - self.before.get(name, **labels)


@pytest.fixture(scope="module")
def story(running: Stack) -> Iterator[Story]:
    """Run the story once for all tests of this module."""
    stack = running
    before = figures(stack)
    words = f"{PEOPLE[REFUSED]} is not welcome"
    stack.sandbox.faults(
        {"operation": "add_participant", "kind": "refuse", "status": 400, "message": words, "match": PEOPLE[REFUSED]}
    )
    persons = [{"custom_participant_id": key, "name": name} for key, name in PEOPLE.items()]
    meeting = str(stack.post("/v1/meetings", {"title": TITLE, "participants": persons})["id"])
    tokens = {key: client_token(stack, meeting, key) for key in PEOPLE if key != REFUSED}
    stack.crowds.add(tokens)
    starts_at = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    made = stack.breakout(meeting, name=BREAKOUT, rooms=ROOMS, record=True, start=starts_at)
    stack.wait(made["id"], "open", condition=lambda it: it["progress"]["participants"]["joined"] == 2)
    during = wait_until(lambda: with_joined(figures(stack), 2), what="figures of two people in rooms")
    seats = [str(seat(stack, token)["auth_token"]) for token in tokens.values()]
    stack.post(f"/v1/breakouts/{made['id']}/close")
    closed = stack.wait(made["id"], "closed")
    send_nonsense(stack)
    wait_until(lambda: told_closed(stack, made["id"]) >= len(ROOMS), what="a line about each room's end")
    output = told(stack)
    secrets = [KEY, stack.environment["SECRET_KEY"], stack.sandbox.api_token, *tokens.values(), *seats]
    lines = [json.loads(line) for line in output.splitlines()]
    yield Story(closed, before, during, figures(stack), lines, output, secrets)
    stack.crowds.leave()
    stack.sandbox.faults()


def figures(stack: Stack) -> Figures:
    ports = [port_of(process) for process in (*stack.workers, *stack.timekeepers)]
    return Figures([f"{stack.url}/metrics", *(f"http://127.0.0.1:{port}/metrics" for port in ports)])


def told(stack: Stack) -> str:
    """Return only whole lines, because a process may be writing one just now."""
    return "".join(process.output.rpartition("\n")[0] + "\n" for process in stack.processes.started)


def send_nonsense(stack: Stack) -> None:
    """Let a task fail with an unexpected error."""
    with stack.parts() as deps:
        deps.broker.submit([Message(Task.BREAKOUT_OPEN, NOBODY, 0, BREAKOUT, datetime.now(UTC))], set())
    wait_until(lambda: lines_about(told(stack), NOBODY), what="a task that has failed")


def lines_about(output: str, breakout_id: str) -> list[JSON]:
    return [line for line in map(json.loads, output.splitlines()) if line.get("breakout_id") == breakout_id]


def told_closed(stack: Stack, breakout_id: str) -> int:
    lines = [line for line in told(stack).splitlines() if '"room.close"' in line]
    return sum(breakout_id in line and "task done" in line for line in lines)


def port_of(process: Process) -> int:
    lines = [json.loads(line) for line in process.output.splitlines() if "metrics are served" in line]
    return int(lines[0]["port"])


def with_joined(found: Figures, people: int) -> Figures:
    assert found.get("breakouts_seats", state="joined") >= people
    assert found.get("breakouts_participants", location="room") >= people
    return found


def client_token(stack: Stack, meeting: str, name: str) -> str:
    return str(stack.post(f"/v1/meetings/{meeting}/participants/{name}/client-tokens", {})["token"])


def seat(stack: Stack, token: str) -> JSON:
    headers = {"Authorization": f"Bearer {token}"}
    found: JSON = httpx.get(f"{stack.url}/v1/seat", headers=headers, trust_env=False).json()
    return found


def test_figures_tell_what_is_under_way(story: Story) -> None:
    now = story.during
    assert now.get("breakouts_breakouts", state="open") >= 1
    assert now.get("breakouts_rooms", state="open") >= 2
    assert now.get("breakouts_streams") >= 2
    assert now.get("breakouts_up", part="database") == now.get("breakouts_up", part="broker") == 1
    assert 0 < now.get("breakouts_quota_calls") <= now.get("breakouts_quota_limit_calls")
    assert now.get("breakouts_due_oldest_age_seconds") < 60


def test_figures_tell_what_has_happened(story: Story) -> None:
    grown = story.grown
    assert grown("breakouts_state_changes_total", thing="room", to="open") == 2
    assert grown("breakouts_state_changes_total", thing="breakout", to="closed") == 1
    assert grown("breakouts_state_changes_total", thing="participant", to="returned") == 2
    assert grown("breakouts_problems_total", what="participant refused") == 1
    assert grown("breakouts_timer_lateness_seconds_count", timer="starts_at") == 1
    assert grown("breakouts_timer_lateness_seconds_count", timer="empties_at") == 1
    assert grown("breakouts_realtimekit_calls_total", operation="create_meeting", outcome="ok") == 3
    assert grown("breakouts_realtimekit_calls_total", operation="add_participant", outcome="refused") >= 1
    assert grown("breakouts_realtimekit_call_duration_seconds_count", operation="create_meeting") == 3
    assert grown("breakouts_quota_granted_total") >= 3
    assert grown("breakouts_tasks_total", task="room.open", outcome="success") >= 2
    assert grown("breakouts_task_duration_seconds_count", task="room.close") >= 2
    assert grown("breakouts_tasks_total", task="breakout.open", outcome="failure") == 1
    assert grown("breakouts_messages_total", kind="task", fate="sent") >= 5
    posts = {"method": "POST", "route": "/v1/meetings"}
    assert grown("breakouts_http_requests_total", status="201", **posts) == 1
    assert grown("breakouts_http_request_duration_seconds_count", **posts) == 1


def test_each_process_of_a_host_shows_its_figures_on_a_port_of_its_own(running: Stack, story: Story) -> None:
    assert story
    ports = {port_of(process) for process in (*running.workers, *running.timekeepers)}
    assert len(ports) == 2
    assert int(running.environment["METRICS_PORT"]) in ports


def test_every_figure_is_explained_and_none_names_a_thing(story: Story) -> None:
    ours = {name: words for name, words in story.after.help.items() if name.startswith("breakouts_")}
    assert len(ours) > 25
    assert all(ours.values())
    values = {value for _, value in story.after.labels("breakouts_")}
    assert not [value for value in values if ID.search(value) or not value.isascii()]
    assert not values & {TITLE, BREAKOUT, *ROOMS, *PEOPLE, *PEOPLE.values()}


def test_no_log_holds_a_secret_or_a_name(story: Story) -> None:
    assert len(story.secrets) == 7
    for word in [*story.secrets, *PEOPLE, *PEOPLE.values(), TITLE, BREAKOUT, *ROOMS, "welcome"]:
        assert word not in story.output, [line for line in story.lines if word in json.dumps(line)]


def test_a_task_has_one_line_and_it_says_whose(story: Story) -> None:
    done = [line for line in story.lines if line["event"] == "task done"]
    mine = [line for line in done if line.get("breakout_id") == story.breakout["id"]]
    assert {"breakout.open", "room.open", "breakout.empty", "room.close"} <= {line["task"] for line in mine}
    for line in mine:
        assert {"task_id", "result", "seconds", "level", "timestamp"} <= line.keys()
        assert ("room_id" in line) == line["task"].startswith("room.")
    worked = [line for line in mine if line["result"] != "nothing to do"]
    assert worked
    assert not [line for line in worked if line.get("attempt", 0) < 1]
    rooms = {line["room_id"] for line in mine if "room_id" in line}
    assert rooms == {room["id"] for room in story.breakout["rooms"]}
    assert len({line["task_id"] for line in done}) == len(done)
    celerys = [line for line in story.lines if line.get("logger") in ("celery.app.trace", "celery.worker.strategy")]
    assert all(line["level"] == "error" for line in celerys)


def test_a_line_in_the_middle_of_a_task_says_whose_it_is(story: Story) -> None:
    failed = [line for line in story.lines if line["event"] == "a call to RealtimeKit failed"]
    mine = [line for line in failed if line.get("breakout_id") == story.breakout["id"]]
    assert mine
    for line in mine:
        assert (line["task"], line["operation"], line["status"]) == ("room.open", "add_participant", 400)
        assert line["room_id"]


def test_a_task_that_fails_has_its_traceback_and_says_whose_and_nothing_of_it_clings_to_the_next(story: Story) -> None:
    about = [line for line in story.lines if line.get("breakout_id") == NOBODY]
    assert [(line["level"], line["logger"], line["task"]) for line in about] == [
        ("error", "celery.app.trace", "breakout.open")
    ]
    assert "Traceback" in about[0]["exception"]
    assert about[0]["task_id"]


def test_a_request_has_one_line(story: Story) -> None:
    done = [line for line in story.lines if line["event"] == "request done"]
    closing = [line for line in done if line.get("breakout_id") == story.breakout["id"] and line["method"] == "POST"]
    assert [(line["route"], line["status"]) for line in closing] == [("/v1/breakouts/{breakout_id}/close", 202)]
    assert all({"request_id", "method", "route", "status", "seconds"} <= line.keys() for line in done)
    assert len({line["request_id"] for line in done}) == len(done)
    assert not [line for line in done if line["route"] in ("/healthz", "/readyz", "/metrics")]
    assert not [line for line in done if "task" in line]
