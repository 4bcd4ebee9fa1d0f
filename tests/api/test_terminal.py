"""The daily words of `breakouts` against a running API: their output and their exit codes."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from sqlalchemy import text
from structlog.testing import capture_logs

from orchestrator.cli.daily import durations
from orchestrator.cli.daily.client import Access
from orchestrator.cli.daily.client import Api as Client
from orchestrator.cli.daily.watching import EventWaiter
from orchestrator.runtime.ports import LOOPBACK, free_port
from tests.api.server import OPERATOR, UNKNOWN_ID, VIEWER, Api, bearer, checked
from tests.support.lossy import LOST, LossyProxy
from tests.support.processes import BREAKOUTS, ROOT, clean_environment
from tests.support.terminal import Ended, Terminal, terminal_with
from tests.support.waiting import wait_until

BUSY, OUT_OF_ORDER = 503, 502


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make a home with an operator's key, as `breakouts up` does."""
    folder = tmp_path / "terminal"
    folder.mkdir()
    (folder / "operator.key").write_text(OPERATOR + "\n")
    return folder


@pytest.fixture
def terminal(
    api: Api, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Terminal]:
    """Make an operator's terminal, and check that it never shows the key."""
    run = terminal_with({"BREAKOUTS_API_URL": api.url, "BREAKOUTS_HOME": str(home)}, monkeypatch, capsys)

    def checked(*arguments: str, **env: str) -> Ended:
        ended = run(*arguments, **env)
        assert OPERATOR not in ended.out + ended.err
        return ended

    with capture_logs():  # of the API, which runs in this process
        yield checked


def test_a_breakout_is_planned_started_closed_and_reported(api: Api, terminal: Terminal, tmp_path: Path) -> None:
    wish = tmp_path / "wish.json"
    wish.write_text('{"rooms": 9, "allow_switch": true, "assignment": {"include_hosts": true}}')
    options = ["--room", "Red", "--room", "Blue", "--name", "Teams", "--duration", "1h30m", "--countdown", "90s"]
    options += ["--record", "--seed", "7", "--prepare", "--from", str(wish)]
    opened = terminal("plan", api.meeting("ana", "bo", "cy")["id"], *options)
    assert opened.code == 0, opened.err
    made = api.get(f"/v1/breakouts/{opened.out.strip()}")
    assert [room["name"] for room in made["rooms"]] == ["Red", "Blue"]
    assert (made["name"], made["duration_seconds"], made["countdown_seconds"]) == ("Teams", 5400, 90)
    assert (made["record"], made["seed"], made["allow_switch"], made["state"]) == (True, 7, True, "draft")

    assert terminal("start", made["id"], "--json").json["state"] == "opening"
    closing = terminal("close", made["id"], "--countdown", "10m")
    assert closing.out.startswith("Teams is closing: everyone is called back to main in ")
    reported = terminal("report", made["id"])
    assert reported.code == 0
    assert "Red" in reported.out
    assert "3 people" in reported.out
    assert terminal("report", made["id"], "--json").json == api.get(f"/v1/breakouts/{made['id']}")


def test_the_command_itself_gives_json_and_an_exit_code(api: Api, home: Path) -> None:
    meeting = api.meeting("ana", "bo")
    env = {**clean_environment(), "BREAKOUTS_HOME": str(home), "BREAKOUTS_API_URL": api.url}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*BREAKOUTS, *arguments]
        return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    opened = run("plan", meeting["id"], "--rooms", "2", "--start", "2030-01-01T10:00:00Z", "--json")
    assert opened.returncode == 0, opened.stderr
    made = json.loads(opened.stdout)
    assert (made["state"], made["starts_at"]) == ("scheduled", "2030-01-01T10:00:00Z")
    assert made["id"] in opened.stderr
    refused = run("watch", UNKNOWN_ID, "--json")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert refused.stderr == f"breakouts: there is no breakout {UNKNOWN_ID}\n"


def test_cancelled_ones_have_not_ended_well(api: Api, terminal: Terminal) -> None:
    made = api.breakout(api.meeting("ana"))
    assert terminal("cancel", made["id"], "--json").json["state"] == "cancelled"
    watched = terminal("watch", made["id"])
    assert watched.code == 1
    assert watched.err == "breakouts: the breakout is cancelled\n"
    assert terminal("report", made["id"]).code == 1


@pytest.mark.parametrize(
    ("arguments", "env", "said"),
    [
        (("open", UNKNOWN_ID), {}, "exactly one of --rooms"),
        (("open", UNKNOWN_ID, "--rooms", "2", "--room", "Red"), {}, "exactly one of --rooms"),
        (("open", UNKNOWN_ID, "--rooms", "2", "--duration", "soon"), {}, "no duration"),
        (("plan", UNKNOWN_ID, "--rooms", "2", "--start", "soon"), {}, "no time"),
        (("open", UNKNOWN_ID, "--rooms", "2", "--hosts", "all"), {}, "one-per-room"),
        (("change", UNKNOWN_ID), {}, "say what to change"),
        (("people", "add", UNKNOWN_ID, "/nowhere.csv"), {}, "/nowhere.csv"),
        (("open", UNKNOWN_ID, "--from", "/nowhere.json"), {}, "--from /nowhere.json"),
        (("extend", UNKNOWN_ID, "-5x"), {}, "no duration"),
        (("watch",), {}, "Missing argument"),
        (("watch", UNKNOWN_ID), {"BREAKOUTS_HOME": "/nowhere"}, "no API key: set BREAKOUTS_API_KEY"),
        (("watch", UNKNOWN_ID, "--key-file", "/nowhere"), {}, "/nowhere: No such file"),
        (("watch", UNKNOWN_ID), {"BREAKOUTS_API_KEY": "two words"}, "BREAKOUTS_API_KEY holds no API key"),
        (("watch", UNKNOWN_ID, "--api", "localhost:8000"), {}, "no address"),
        (("watch", UNKNOWN_ID, "--api", "http://localhost:http"), {}, "no address"),
        (("watch", UNKNOWN_ID, "--api", "http://me:secret@localhost"), {}, "no address"),
        (("watch", UNKNOWN_ID), {"PORT": "http"}, "PORT: "),
    ],
)
def test_wrong_usage_and_settings_are_2(
    terminal: Terminal, arguments: tuple[str, ...], env: dict[str, str], said: str
) -> None:
    ended = terminal(*arguments, **env)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_what_the_api_refuses_is_3_with_its_reasons(api: Api, terminal: Terminal, tmp_path: Path) -> None:
    meeting = api.meeting("ana", "bo")
    first, draft = api.breakout(meeting, 202, start="now"), api.breakout(meeting)
    (tmp_path / "strange.key").write_text("nobody's")
    refusals = {
        "there is no meeting": terminal("open", UNKNOWN_ID, "--rooms", "2"),
        "must be 1 to 500": terminal("open", meeting["id"], "--rooms", "501"),
        "body.duration_seconds": terminal(
            "open", meeting["id"], "--rooms", "2", "--duration", "1s", "--countdown", "1h"
        ),
        "allowed: ": terminal("start", draft["id"]),
        "the key comes from BREAKOUTS_API_KEY": terminal("close", first["id"], BREAKOUTS_API_KEY=VIEWER),
        "strange.key)": terminal("report", first["id"], "--key-file", str(tmp_path / "strange.key")),
    }
    for said, ended in refusals.items():
        assert (ended.code, ended.out) == (3, ""), said
        assert said in ended.err


def test_an_api_that_is_not_there_is_4_after_some_patience(api: Api, terminal: Terminal) -> None:
    nowhere = terminal("report", UNKNOWN_ID, "--patience", "1", BREAKOUTS_API_URL=f"http://{LOOPBACK}:{free_port()}")
    assert (nowhere.code, nowhere.out) == (4, "")
    assert "does not answer" in nowhere.err
    assert "trying again" in nowhere.err
    with LossyProxy(api.url, *[OUT_OF_ORDER] * 1000) as proxy:
        assert terminal("report", UNKNOWN_ID, "--patience", "0", BREAKOUTS_API_URL=proxy.url).code == 4


def test_a_network_that_fails_leads_to_one_breakout_asked_for_under_one_key(api: Api, terminal: Terminal) -> None:
    meeting = api.meeting("ana", "bo")
    with LossyProxy(api.url, BUSY, OUT_OF_ORDER, BUSY) as proxy:
        opened = terminal("plan", meeting["id"], "--rooms", "2", BREAKOUTS_API_URL=proxy.url)
    assert opened.code == 0, opened.err
    keys = {key for _, _, key in proxy.received}
    assert len(proxy.received) == 4
    assert len(keys) == 1
    assert None not in keys
    items = api.get(f"/v1/meetings/{meeting['id']}/breakouts")["items"]
    assert [item["id"] for item in items] == [opened.out.strip()]


def test_a_close_whose_answer_is_lost_is_asked_for_again(api: Api, terminal: Terminal) -> None:
    made = api.breakout(api.meeting("ana"), 202, start="now")
    with LossyProxy(api.url, LOST) as proxy:
        ended = terminal("close", made["id"], "--json", BREAKOUTS_API_URL=proxy.url)
    assert ended.json["state"] == "closing"


def test_the_stream_of_events_says_when_to_look(api: Api) -> None:
    made = api.breakout(api.meeting("ana"))
    client = Client(Access(api.url, OPERATOR, "the test", patience_seconds=5))
    events = EventWaiter(client, made["id"], connected_poll_seconds=0.3)
    wait_until(lambda: events.connected, what="the stream")
    wait_until(lambda: not events.wait(), what="the end of what has happened before")
    api.post(f"/v1/breakouts/{made['id']}/start", expect=202)
    wait_until(events.wait, what="a ring")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("1h", 3600), ("1h30m", 5400), ("0", 0)]
)
def test_durations_are_read_as_people_write_them(text: str, seconds: int) -> None:
    assert durations.seconds(text) == seconds
    assert durations.signed_seconds(f"+{text}") == durations.signed_seconds(text) == seconds
    assert durations.signed_seconds(f"-{text}") == -seconds


@pytest.mark.parametrize("text", ["", "m", "5x", "1h30", "1.5h", "-5", "5 m", "5m1h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        durations.seconds(text)


def test_a_failed_room_is_retried_and_one_in_preparation_is_not(api: Api, terminal: Terminal) -> None:
    made = api.breakout(api.meeting("ana", "bo"), 202, rooms=["Red", "Blue"], start="now")
    with api.deps.database.transaction() as tx:
        tx.session.execute(text("UPDATE room SET state='failed', wanted='closed', error='x' WHERE name = 'Red'"))
    assert terminal("rooms", "retry", made["id"], "Red").code == 0
    room = api.get(f"/v1/breakouts/{made['id']}")["rooms"][0]
    assert (room["state"], room["error"]) == ("preparing", None)
    refused = terminal("rooms", "retry", made["id"], "Red")
    assert refused.code == 3
    assert "allowed: failed, open" in refused.err


def test_a_plan_is_changed_dealt_anew_and_scheduled(api: Api, terminal: Terminal) -> None:
    meeting = api.meeting("ana", "bo", "cy", "di", hosts=("el",))
    options = ["--rooms", "2", "--hosts", "one-per-room", "--deal", "now", "--mode", "even"]
    rehearsed = terminal("plan", meeting["id"], *options, "--dry-run")
    assert rehearsed.out.startswith("2 rooms, 7 calls to RealtimeKit, about "), rehearsed.out
    assert api.get("/v1/breakouts")["items"] == []
    planned = terminal("plan", meeting["id"], *options).out.strip()
    made = api.get(f"/v1/breakouts/{planned}")
    assert made["assignment"]["include_hosts"] == "one_per_room"
    assert "is dealt by the seed 8" in terminal("shuffle", planned, "--seed", "8").out
    assert terminal("rooms", "add", planned, "Green", "--places", "5").out == "Green is added\n"
    assert terminal("rooms", "rename", planned, "Green", "Blue").out == "Green is called Blue\n"
    assert [room["name"] for room in api.get(f"/v1/breakouts/{planned}")["rooms"]] == ["Room 1", "Room 2", "Blue"]
    assert terminal("rooms", "delete", planned, "2").out == "Blue is deleted\n"
    changed = terminal("change", planned, "--name", "Later", "--start", "2099-01-01T10:00:00+00:00", "--json").json
    assert (changed["name"], changed["state"], len(changed["rooms"])) == ("Later", "scheduled", 2)
    again = terminal("plan", meeting["id"], "--from-breakout", planned, "--json").json
    assert [room["name"] for room in again["rooms"]] == ["Room 1", "Room 2"]
    listed = terminal("list", "--meeting", meeting["id"], "--state", "scheduled", "--json").out
    assert [item["id"] for item in json.loads(listed)] == [planned]


def test_a_meeting_and_its_people_are_set_up(api: Api, terminal: Terminal, tmp_path: Path) -> None:
    meeting = terminal("meetings", "create", "Physics").out.strip()
    sheet = tmp_path / "people.csv"
    sheet.write_text(
        "\ufeffE-Mail;Name;role;Team;\nana@x.org;Ana;host;;\nbo@x.org;;;blue;9b\n;Nobody;;\nana@x.org;Again;;\n"
    )
    added = terminal("people", "add", meeting, str(sheet))
    assert (added.code, added.out) == (0, "2 people are registered\n")
    assert "line 3: 9b stands under no heading and is left out" in added.err
    assert "line 4" in added.err
    assert "line 5: ana@x.org is listed before" in added.err
    people = api.get(f"/v1/meetings/{meeting}/participants")["items"]
    assert [(it["custom_participant_id"], it["name"], it["role"], it["attributes"]) for it in people] == [
        ("ana@x.org", "Ana", "host", {}),
        ("bo@x.org", "bo@x.org", "participant", {"team": "blue"}),
    ]
    assert "bo@x.org" in terminal("people", "list", meeting).out
    token = terminal("people", "token", meeting, "bo@x.org", "--ttl", "5m").out.strip()
    assert checked(api.client.get("/v1/seat", headers=bearer(token)), 200)["location"] == "main"
    assert terminal("meetings", "show", meeting).out == "Physics: 0 of 2 people are there\n"
    ended = terminal("meetings", "change", meeting, "--title", "Biology", "--ends-at", "2099-01-01T10:00:00Z", "--json")
    assert (ended.json["title"], ended.json["ends_at"]) == ("Biology", "2099-01-01T10:00:00Z")
    assert terminal("meetings", "change", meeting, "--ends-at", "never", "--json").json["ends_at"] is None
    assert [item["id"] for item in json.loads(terminal("meetings", "list", "--json").out)] == [meeting]


def test_plans_go_to_spreadsheets_and_back(api: Api, terminal: Terminal, tmp_path: Path) -> None:
    meeting = api.meeting("ana", "bo")["id"]
    sheet = tmp_path / "seats.csv"
    sheet.write_text("room,email\nRed,ana\nBlue,cy@x.org\n,nobody\n")
    imported = terminal("import", meeting, str(sheet), "--name", "Seats", "--register")
    assert imported.code == 0, imported.err
    assert "line 4" in imported.err
    assert "2 of 3 rows are used" in imported.err
    made = api.get(f"/v1/breakouts/{imported.out.strip()}")
    assert (made["name"], [room["name"] for room in made["rooms"]]) == ("Seats", ["Red", "Blue"])
    exported = terminal("export", made["id"]).out
    assert exported.splitlines()[:2] == ["room,custom_participant_id,name", "Red,ana,Ana"]
    sheet.write_text(exported)
    again = terminal("import", meeting, str(sheet), "--dry-run", "--json").json["breakout"]
    assert [room["name"] for room in again["rooms"]] == ["Red", "Blue"]


def test_rounds_are_planned_together(api: Api, terminal: Terminal) -> None:
    meeting = api.meeting("ana", "bo", "cy", "di")["id"]
    planned = terminal("rounds", meeting, "--count", "3", "--rooms", "2", "--gap", "1m")
    assert planned.code == 0, planned.err
    assert "0 pairs meet more than once" in planned.err
    assert planned.out.split() == [it["id"] for it in api.get("/v1/breakouts")["items"]]


def test_the_log_says_who_did_what(api: Api, terminal: Terminal) -> None:
    made = api.breakout(api.meeting("ana"))
    api.client.patch(f"/v1/breakouts/{made['id']}", json={"name": "Teams"})
    shown = terminal("log", made["id"])
    assert shown.code == 0, shown.err
    assert shown.out.splitlines()[0].split() == ["at", "actor", "type", "what"]
    assert ["key:ops", "breakout.changed", "fields=['name']"] in [line.split()[1:] for line in shown.out.splitlines()]
    assert json.loads(terminal("log", made["id"], "--json").out) == api.get(f"/v1/breakouts/{made['id']}/log")["items"]


def test_tokens_of_a_host_are_made_and_taken_back(api: Api, terminal: Terminal) -> None:
    meeting = api.meeting(hosts=("ana",))
    token = terminal("people", "token", meeting["id"], "ana", "--host").out.strip()
    path = f"/v1/meetings/{meeting['id']}"
    assert checked(api.stranger.get(path, headers=bearer(token)), 200)["id"] == meeting["id"]
    taken = terminal("people", "revoke-tokens", meeting["id"], "ana")
    assert (taken.code, taken.out) == (0, "the tokens of ana are refused\n")
    checked(api.stranger.get(path, headers=bearer(token)), 401)
