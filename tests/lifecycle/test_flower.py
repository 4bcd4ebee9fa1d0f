"""Flower answers "how far is it?" without our API, and shows no secret."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from orchestrator.runtime.ports import free_port
from tests.lifecycle.refusing import ERROR, unmarkable
from tests.support.processes import CELERY, processes_in
from tests.support.stack import JSON, KEY, Stack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("running", ["postgresql"], indirect=True)

OPERATOR = ("operator", "let-me-in")
NAMES = {"grace-hopper": "Grace Hopper", "alan-turing": "Alan Turing", "ada-lovelace": "Ada Lovelace"}
PATIENCE = 60
COLUMNS = ["name", "state", "args", "result", "received", "runtime", "worker"]


class Flower:
    """A running Flower, and an operator's client of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, auth=OPERATOR, timeout=20, trust_env=False)

    def get(self, path: str) -> Any:
        """Return the JSON of a response. Raises AssertionError for an error."""
        answer = self.http.get(path)
        assert answer.is_success, f"{path}: {answer.status_code}"
        return answer.json()

    def row(self, breakout_id: str) -> JSON:
        """Return a breakout's row."""
        found: JSON = self.get(f"/api/task/info/{breakout_id}")
        return found


@dataclass
class Story:
    """A breakout from its opening to its last upload, and what Flower showed of it."""

    stack: Stack
    flower: Flower
    breakout: JSON
    secrets: dict[str, str]
    """Texts that must not appear anywhere in Flower."""
    shown: list[tuple[str, str]] = field(default_factory=list)
    """States and texts of the row, in order."""

    def wait_for(self, state: str, text: str) -> None:
        """Wait until the row shows this text, in its arguments or as its result."""

        def look() -> bool:
            row = self.flower.row(self.breakout["id"])
            if (row["state"], row["args"]) not in self.shown[-1:]:
                self.shown.append((row["state"], row["args"]))
            assert row["state"] == state, row
            assert text in row["args"] + str(row["result"]), row
            return True

        wait_until(look, PATIENCE, what=f"{state} {text}")


@pytest.fixture(scope="module")
def flower(running: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flower]:
    """Run Flower without `breakouts`, as any user of Celery would."""
    with processes_in(tmp_path_factory.mktemp("flower")) as processes:
        port = free_port()
        env = {**running.environment, "FLOWER_PORT": str(port), "FLOWER_BASIC_AUTH": ":".join(OPERATOR)}
        process = processes.start([*CELERY, "flower"], env)
        process.wait_for_url(f"http://127.0.0.1:{port}/healthcheck", PATIENCE)
        yield Flower(f"http://127.0.0.1:{port}")


@pytest.fixture(scope="module")
def story(running: Stack, flower: Flower) -> Iterator[Story]:
    """Run a breakout of three people in two recorded rooms, watched in Flower."""
    people = [{"custom_participant_id": custom_id, "name": name} for custom_id, name in NAMES.items()]
    meeting = running.post("/v1/meetings", {"title": "Physics", "participants": people})["id"]
    path = f"/v1/meetings/{meeting}/participants"
    tokens = {name: str(running.post(f"{path}/{name}/client-tokens", {})["token"]) for name in NAMES}
    running.crowds.add(tokens)
    running.crowds.settle()
    running.sandbox.latency(700)
    breakout = running.breakout(meeting, name="Morning", rooms=["Red", "Blue"], record=True)
    story = Story(running, flower, breakout, {f"{name}'s client token": token for name, token in tokens.items()})
    story.wait_for("OPENING", "Morning")
    running.sandbox.latency(0)
    story.wait_for("OPEN", "3/3 joined · 2 rec")
    story.secrets |= {f"{name}'s RealtimeKit token": _auth_token(running, token) for name, token in tokens.items()}
    running.post(f"/v1/breakouts/{breakout['id']}/close", {"countdown_seconds": 2})
    story.wait_for("CLOSING", "Morning")
    story.wait_for("SUCCESS", "2 uploaded")
    yield story
    running.crowds.leave()


def _auth_token(stack: Stack, client_token: str) -> str:
    headers = {"Authorization": f"Bearer {client_token}"}
    seat = httpx.get(f"{stack.url}/v1/seat", headers=headers, timeout=20, trust_env=False).json()
    assert seat["location"] == "room"
    return str(seat["auth_token"])


def test_a_breakout_is_one_row_that_says_how_far_it_is(story: Story) -> None:
    states = [state for state, _ in groupby(state for state, _ in story.shown)]
    assert [state for state in states if state not in ("RECEIVED", "STARTED")] == [
        "OPENING",
        "OPEN",
        "CLOSING",
        "SUCCESS",
    ]
    words = [r"\d/2 rooms · \d/3 people", r"\d/3 joined.*", r"\d/2 rooms · \d/3 home"]
    for text in (text for state, text in story.shown if state not in ("RECEIVED", "STARTED", "SUCCESS")):
        assert any(re.fullmatch(f"{expected} · Morning", text) for expected in words), text
    row = story.flower.row(story.breakout["id"])
    assert row["name"] == "breakout"
    assert row["args"] == "2 rooms · 3 people · Morning"
    assert row["result"] == "closed (api): 3 returned; 2 recordings, 2 uploaded"
    assert row["received"] <= row["succeeded"]
    assert row["runtime"] > 0


def test_a_filter_shows_the_rows_of_breakouts_alone(story: Story) -> None:
    query = "draw=1&start=0&length=50&order[0][column]=0&columns[0][data]=name&order[0][dir]=asc"
    table = story.flower.get(f"/tasks/datatable?{query}&search[value]=kwargs:rows=breakouts")
    assert {row["name"] for row in table["data"]} == {"breakout"}
    assert story.breakout["id"] in {row["uuid"] for row in table["data"]}


def test_every_task_says_what_it_is_about_and_what_came_of_it(story: Story) -> None:
    seen = [task for task in story.flower.get("/api/tasks").values() if task["name"] != "breakout"]
    tasks = [task for task in seen if task["received"]]  # of one that came before Flower listened only the end is known
    done = [task for task in tasks if task["state"] == "SUCCESS"]
    shown = {(task["name"], task["args"].rpartition(" · ")[0], task["result"]) for task in done}
    about = {(name, args) for name, args, _ in shown}
    assert about >= {
        ("breakout.open", "Morning · 2 rooms · 3 people"),
        ("breakout.empty", "Morning · 2 rooms · 3 people"),
        ("webhook.apply", "Physics · facts"),
        ("meeting.sync", "Physics · who is where"),
    }
    assert {("room.open", "Morning · Red · 2 people", "2 admitted")} <= shown or {
        ("room.open", "Morning · Red · 1 person", "1 admitted")
    } <= shown
    with_ids = [task for task in tasks if not task["name"].startswith("upkeep.")]  # the rows of these have names
    assert all(re.fullmatch(r"[0-9a-f]{12}\.\d+", task["args"].rpartition(" · ")[2]) for task in with_ids)
    assert all(task["result"] and task["result"][0] not in "'\"<" for task in done), shown
    of_rooms = [task for task in tasks if task["name"].startswith(("room.", "breakout.")) and "Morning" in task["args"]]
    assert {task["parent_id"] for task in of_rooms} == {story.breakout["id"]}


def test_only_workers_are_shown_as_workers(story: Story) -> None:
    nodes = set(re.findall(r"(worker-\w+@\S+) ready\.", story.stack.workers[0].output))
    assert set(story.flower.get("/api/workers?refresh=1")) == nodes
    assert set(re.findall(r'worker="([^"]+)"', story.flower.http.get("/metrics").text)) == nodes


def test_nothing_that_flower_shows_gives_anything_away(story: Story) -> None:
    settings = story.stack.environment
    password = urlsplit(settings["BROKER_URL"]).password
    assert password
    hidden = {
        **story.secrets,
        **{f"the name {name!r}": name for name in [*NAMES, *NAMES.values()]},
        "the API token": settings["REALTIMEKIT_API_TOKEN"],
        "an API key": KEY,
        "the broker's password": password,
    }
    tasks = story.flower.get("/api/tasks")
    pages = ["/", "/tasks", "/workers", "/broker", "/metrics", "/api/tasks", "/api/workers?refresh=1", _table()]
    for path in [*pages, *(f"/task/{uuid}" for uuid in tasks), *(f"/worker/{node}" for node in _nodes(tasks))]:
        answer = story.flower.http.get(path)
        assert answer.status_code == 200, path
        given_away = [what for what, value in hidden.items() if value in answer.text]
        assert not given_away, f"{path} shows {given_away}"


def _table() -> str:
    """Fetch the rows of the page of tasks as the page does."""
    column = "order%5B0%5D%5Bcolumn%5D=0&order%5B0%5D%5Bdir%5D=asc&columns%5B0%5D%5Bdata%5D=name"
    return f"/tasks/datatable?draw=1&start=0&length=1000&{column}"


def _nodes(tasks: JSON) -> set[str]:
    return {task["worker"] for task in tasks.values()}


def test_a_breakout_that_could_not_be_opened_says_why(running: Stack, flower: Flower) -> None:
    meeting = running.meeting(2)
    running.sandbox.faults(
        {"operation": "create_meeting", "kind": "refuse", "status": 403, "message": "No more rooms", "times": None}
    )
    made = running.breakout(meeting, rooms=["Red", "Blue"])
    row = wait_until(lambda: flower.row(made["id"])["state"] == "FAILURE" and flower.row(made["id"]), PATIENCE)
    running.sandbox.faults()
    assert re.fullmatch("no room could be opened; 2 rooms failed: Red: .*No more rooms.*", row["exception"])
    assert row["result"] == row["exception"]


def test_a_pass_that_met_an_error_of_ours_shows_as_failed(running: Stack, flower: Flower) -> None:
    meeting = running.meeting(1)
    made = running.breakout(meeting, rooms=["Red"], start="manual")

    def failed() -> JSON | None:
        rows = (row for row in flower.get("/api/tasks?taskname=room.open&state=FAILURE").values())
        return next((row for row in rows if row["parent_id"] == made["id"]), None)

    with unmarkable(running, meeting, "p0"):
        running.post(f"/v1/breakouts/{made['id']}/start")
        row = wait_until(failed, PATIENCE, what="a failed task")
    assert row is not None
    assert ERROR in row["exception"]
    assert running.wait(made["id"], "open")["problems"] == []


def test_plain_celery_flower_has_our_settings(story: Story) -> None:
    page = story.flower.http.get("/tasks").text
    assert re.findall('data-column="([^"]+)"', page) == COLUMNS
    assert 'value="natural-time' in page
    home = Path(story.stack.environment["BREAKOUTS_HOME"])
    wait_until(lambda: list(home.glob("flower.db*")), what="what Flower remembers")


@pytest.mark.parametrize("path", ["/", "/tasks", "/task/any", "/workers", "/broker", "/api/tasks", "/api/workers"])
def test_with_a_password_nobody_looks_without_it(flower: Flower, path: str) -> None:
    assert httpx.get(f"{flower.url}{path}", trust_env=False).status_code == 401
    assert httpx.get(f"{flower.url}{path}", auth=("operator", "guess"), trust_env=False).status_code == 401
