"""`breakouts doctor` finds each broken part, hides none behind another, and shows no secret."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from sqlalchemy import insert, text

from orchestrator import bootstrap
from orchestrator.cli.doctor.__main__ import CHECKS
from orchestrator.cli.doctor.checks import Check, Status, Verdict, failed, ok, run
from orchestrator.cli.doctor.clocks import compare
from orchestrator.cli.doctor.parts import Parts
from orchestrator.realtimekit.webhooks import EVENTS
from orchestrator.runtime.ports import LOOPBACK, free_port
from orchestrator.services.access import api_keys
from orchestrator.settings import Settings
from orchestrator.store.database import Database
from schemas.states import KeyRole
from schemas.tables import Meeting
from schemas.tasks import Queue
from tests.support.databases import engine_of, migrate_to, pretend_newer
from tests.support.processes import BREAKOUTS, ROOT, clean_environment
from tests.support.sandbox_server import SandboxServer

URL = "https://breakouts.example.com"
OTHER = "https://another.example.com"
HOOK = f"{URL}/v1/webhooks/realtimekit"
SECRETS = {
    "REALTIMEKIT_API_TOKEN": "hush-token",
    "SECRET_KEY": "hush-secret-key-of-ours",
    "API_KEYS": "a:viewer:hush-key",
}
OK, WARNING, FAILED = Status
Env = dict[str, str]
Diagnose = Callable[..., Verdict]


@pytest.fixture(scope="module")
def sandbox_of_module() -> Iterator[SandboxServer]:
    """Run one sandbox for all tests here."""
    with SandboxServer() as server:
        yield server


@pytest.fixture
def sandbox(sandbox_of_module: SandboxServer) -> SandboxServer:
    """Return an empty sandbox."""
    sandbox_of_module.reset()
    return sandbox_of_module


@pytest.fixture
def broker_url(broker_url: str) -> str:
    """Return a database of the broker that no process of another test uses."""
    return broker_url.removesuffix("/0") + "/1"


@pytest.fixture
def env(sandbox: SandboxServer, broker_url: str, sqlite_url: str, tmp_path: Path) -> Env:
    """Return the environment of a deployment with every part, and without processes."""
    return SECRETS | {
        "BREAKOUTS_HOME": str(tmp_path / "home"),
        "DATABASE_URL": sqlite_url,
        "BROKER_URL": broker_url,
        "REALTIMEKIT_BASE_URL": sandbox.base_url,
        "REALTIMEKIT_ACCOUNT_ID": sandbox.account_id,
        "REALTIMEKIT_APP_ID": sandbox.app_id,
        "REALTIMEKIT_WEBHOOK_KEYS_URL": f"{sandbox.root}/.well-known/webhooks.json",
        "PUBLIC_URL": URL,
        "PORT": str(free_port()),
    }


@pytest.fixture
def diagnose(env: Env, monkeypatch: pytest.MonkeyPatch) -> Diagnose:
    """Return a function that runs one check with those that it needs, and returns its verdict."""

    def look(name: str, **changes: str) -> Verdict:
        for variable, value in {**env, **changes}.items():
            monkeypatch.setenv(variable, value)
        parts = Parts()
        found = dict(run(_with_needs(name), parts))
        if "realtimekit" in vars(parts):
            parts.realtimekit.close()  # or it would write the 429 that it got into the next test's broker
        assert "hush" not in repr(found)
        return found[name]

    return look


def _with_needs(name: str) -> list[Check]:
    by_name = {check.name: check for check in CHECKS}
    needed = {need for other in by_name[name].needs for need in (check.name for check in _with_needs(other))}
    return [check for check in CHECKS if check.name in needed | {name}]


def _rest(sandbox: SandboxServer, method: str, path: str, body: Any = None) -> Any:
    """Call RealtimeKit as the owner of the app."""
    url = f"{sandbox.base_url}/accounts/{sandbox.account_id}/realtime/kit/{sandbox.app_id}/{path}"
    answer = httpx.request(method, url, json=body, headers={"Authorization": "Bearer x"}, trust_env=False)
    return answer.raise_for_status().json()["data"]


def _hook(sandbox: SandboxServer, **changes: Any) -> None:
    _rest(sandbox, "POST", "webhooks", {"name": "ours", "url": HOOK, "events": list(EVENTS), "enabled": True} | changes)


def _preset(sandbox: SandboxServer, name: str) -> str:
    return str(next(preset["id"] for preset in _rest(sandbox, "GET", "presets") if preset["name"] == name))


def _execute(url: str, statement: str, **values: Any) -> None:
    engine = engine_of(url)
    with engine.begin() as connection:
        connection.execute(text(statement), values)
    engine.dispose()


def _add_meeting(url: str, *, preset: str = "group_call_host", due_at: datetime | None = None) -> None:
    row = Meeting(
        id="m",
        title="T",
        realtimekit_meeting_id="r",
        host_preset=preset,
        participant_preset="group_call_participant",
        created_at=datetime.now(UTC),
        due_at=due_at,
    )
    engine = engine_of(url)
    with engine.begin() as connection:
        connection.execute(insert(Meeting), row.model_dump())
    engine.dispose()


@pytest.mark.parametrize(
    ("name", "changes", "status", "said"),
    [
        ("settings", {"PORT": "http"}, FAILED, "PORT: "),
        ("SECRET_KEY", {}, OK, "set"),
        ("SECRET_KEY", {"SECRET_KEY": ""}, FAILED, "not set"),
        ("SECRET_KEY", {"SECRET_KEY": "", "BROKER_URL": "", "DATABASE_URL": ""}, OK, "one machine"),
        ("SECRET_KEY", {"SECRET_KEY": "short"}, WARNING, "shorter than"),
        ("database", {}, OK, "SQLite"),
        ("database", {"BROKER_URL": "redis://broker.example:6379/0"}, WARNING, "another machine"),
        ("database", {"DATABASE_URL": "sqlite:////nowhere/at.db"}, FAILED, "there is no /nowhere/at.db yet"),
        ("database", {"DATABASE_URL": f"postgresql://x:hush@{LOOPBACK}:1/x"}, FAILED, "refused"),
        ("settings", {"DATABASE_URL": "oracle://x:hush@y/z"}, FAILED, "DATABASE_URL: is no address"),
        ("migrations", {}, OK, "newest"),
        ("migrations", {"DATABASE_URL": "sqlite:////nowhere/at.db"}, WARNING, "not checked: it needs database"),
        ("clock of the database", {}, OK, "the same"),
        ("overdue rows", {}, OK, "none"),
        ("broker", {}, OK, "Valkey"),
        ("broker", {"BROKER_URL": f"redis://:hush@{LOOPBACK}:1/0"}, FAILED, "refused"),
        ("broker", {"BROKER_URL": ""}, FAILED, "no broker"),
        ("broker's memory", {}, OK, "noeviction"),
        ("broker's persistence", {}, OK, "appendonly yes"),
        ("use of the broker", {}, OK, "every command"),
        ("queues", {}, OK, "lifecycle 0, webhooks 0, closing 0, rooms 0"),
        ("timekeeper", {}, FAILED, "none ticks"),
        ("workers", {}, FAILED, "none answers"),
        ("RealtimeKit", {}, OK, "the app answers"),
        ("RealtimeKit", {"BROKER_URL": ""}, OK, "the app answers"),
        ("settings", {"REALTIMEKIT_API_TOKEN": "tok\nen"}, FAILED, "REALTIMEKIT_API_TOKEN: has a blank, a line break"),
        ("settings", {"REALTIMEKIT_API_TOKEN": "töken"}, FAILED, "REALTIMEKIT_API_TOKEN: has a blank, a line break"),
        ("RealtimeKit", {"REALTIMEKIT_API_TOKEN": ""}, FAILED, "REALTIMEKIT_API_TOKEN not set"),
        ("RealtimeKit", {"REALTIMEKIT_BASE_URL": f"http://{LOOPBACK}:1"}, FAILED, "can't be reached"),
        ("presets", {}, OK, "group_call_host"),
        ("presets", {"DATABASE_URL": "sqlite:////nowhere/at.db"}, OK, "group_call_host"),
        ("waiting rooms", {}, OK, "none"),
        ("rights", {}, OK, "participants may not"),
        ("webhook", {}, FAILED, f"RealtimeKit does not call {HOOK}"),
        ("webhook", {"PUBLIC_URL": ""}, WARNING, "PUBLIC_URL is not set"),
        ("webhook key", {}, OK, "published at"),
        ("webhook key", {"REALTIMEKIT_WEBHOOK_KEYS_URL": f"http://{LOOPBACK}:1/"}, FAILED, "refused"),
        ("settings", {"REALTIMEKIT_WEBHOOK_PUBLIC_KEY": "no PEM"}, FAILED, "must be an RSA public key as PEM"),
        ("clock of RealtimeKit", {}, OK, "agrees"),
        ("clock of RealtimeKit", {"REALTIMEKIT_BASE_URL": f"http://{LOOPBACK}:1"}, FAILED, "refused"),
        ("API keys", {}, OK, "API_KEYS has a"),
        ("API keys", {"API_KEYS": ""}, FAILED, "nobody may call"),
        ("settings", {"API_KEYS": "a:king:hush-key"}, FAILED, "API_KEYS: must be name:role:key"),
        ("API", {"PUBLIC_URL": ""}, WARNING, "refused"),
        ("API", {"PUBLIC_URL": f"http://{LOOPBACK}:1"}, FAILED, "refused"),
    ],
)
def test_each_setting_that_leads_nowhere_is_found(
    diagnose: Diagnose, name: str, changes: Env, status: Status, said: str
) -> None:
    verdict = diagnose(name, **changes)
    assert (verdict.status, said in verdict.detail) == (status, True), verdict
    assert verdict.status is not FAILED or verdict.advice


def test_a_database_without_our_tables_is_found(diagnose: Diagnose, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    _execute(url, "CREATE TABLE other (id int)")
    verdict = diagnose("migrations", DATABASE_URL=url)
    assert (verdict.status, verdict.advice) == (FAILED, "run `breakouts migrate`")


def test_a_database_of_an_older_release_is_to_be_migrated(diagnose: Diagnose, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'older.db'}"
    migrate_to(url, "0003")
    verdict = diagnose("migrations", DATABASE_URL=url)
    assert (verdict.status, verdict.advice, "at 0003" in verdict.detail) == (FAILED, "run `breakouts migrate`", True)


def test_a_database_of_a_newer_release_is_not_to_be_migrated(diagnose: Diagnose, sqlite_url: str) -> None:
    newer = pretend_newer(sqlite_url)
    verdict = diagnose("migrations", DATABASE_URL=sqlite_url)
    assert (verdict.status, f"at {newer}, newer" in verdict.detail) == (WARNING, True)
    assert "run the release that migrated it" in verdict.advice
    assert diagnose("overdue rows", DATABASE_URL=sqlite_url).status is OK, "this release works on beside it"


def test_postgresql_is_as_good(diagnose: Diagnose, postgres_url: str) -> None:
    for name, said in (("database", "PostgreSQL"), ("clock of the database", "agrees"), ("overdue rows", "none")):
        verdict = diagnose(name, DATABASE_URL=postgres_url)
        assert (verdict.status, said in verdict.detail) == (OK, True), verdict


@pytest.mark.parametrize(("seconds", "status"), [(1, OK), (20, WARNING), (100, FAILED)])
def test_rows_that_nobody_looks_at_are_found(diagnose: Diagnose, sqlite_url: str, seconds: int, status: Status) -> None:
    _add_meeting(sqlite_url, due_at=datetime.now(UTC) - timedelta(seconds=seconds))
    assert diagnose("overdue rows").status is status


@pytest.mark.parametrize(
    ("name", "bad", "status"),
    [
        ("broker's memory", {"maxmemory-policy": "allkeys-lru"}, WARNING),
        ("broker's memory", {"maxmemory-policy": "allkeys-lru", "maxmemory": "104857600"}, FAILED),
        ("broker's persistence", {"appendonly": "no"}, WARNING),
    ],
)
def test_a_broker_that_forgets_is_found(
    diagnose: Diagnose, broker_url: str, name: str, bad: dict[str, str], status: Status
) -> None:
    with redis.Redis.from_url(broker_url, decode_responses=True) as client:
        before: dict[str, str] = client.config_get(*bad)
        try:
            for setting, value in bad.items():
                client.config_set(setting, value)
            assert diagnose(name).status is status
        finally:
            for setting, value in before.items():
                client.config_set(setting, value)


def test_long_queues_and_a_timekeeper_that_ticks_are_seen(diagnose: Diagnose, broker_url: str, sqlite_url: str) -> None:
    keys = bootstrap.keys_of(Settings(database_url=sqlite_url, _env_file=None))
    with redis.Redis.from_url(broker_url) as client:
        client.rpush(keys.queue(Queue.ROOMS), *range(1001))
        client.set(keys.timekeeper, "1000")
    crowded = diagnose("queues")
    assert (crowded.status, "rooms 1001" in crowded.detail) == (WARNING, True)
    assert diagnose("timekeeper").status is OK


@pytest.mark.parametrize(
    ("fault", "status", "advice"),
    [
        ({"kind": "refuse", "status": 401, "message": "Unauthorized"}, FAILED, "copy REALTIMEKIT_API_TOKEN again"),
        ({"kind": "refuse", "status": 403, "message": "Authentication error"}, FAILED, "permission Realtime Admin"),
        ({"kind": "refuse", "status": 404, "message": "No such app"}, FAILED, "correct REALTIMEKIT_APP_ID"),
        ({"kind": "refuse", "status": 400, "message": "No route"}, FAILED, "correct REALTIMEKIT_ACCOUNT_ID"),
        ({"kind": "rate_limited", "retry_after": 60}, WARNING, "quota has room"),
    ],
)
def test_what_realtimekit_refuses_is_said(
    diagnose: Diagnose, sandbox: SandboxServer, fault: dict[str, Any], status: Status, advice: str
) -> None:
    sandbox.faults({"operation": "get_webhooks", **fault})
    verdict = diagnose("RealtimeKit")
    assert (verdict.status, advice in verdict.advice) == (status, True), verdict
    assert fault.get("message", "") in verdict.detail


def test_presets_that_meetings_use_and_that_are_gone_are_found(
    diagnose: Diagnose, sandbox: SandboxServer, sqlite_url: str
) -> None:
    _rest(sandbox, "DELETE", f"presets/{_preset(sandbox, 'group_call_host')}")
    assert diagnose("presets").status is FAILED
    _add_meeting(sqlite_url, preset="webinar_presenter")
    assert diagnose("presets").status is WARNING
    _execute(sqlite_url, "UPDATE meeting SET host_preset = 'chair'")
    assert diagnose("presets").detail == "meetings use chair, and the app has none of that name"


@pytest.mark.parametrize(
    ("check", "name", "permissions"),
    [
        ("waiting rooms", "group_call_participant", {"waiting_room_type": "SKIP_ON_ACCEPT"}),
        ("rights", "group_call_host", {"connected_meetings": {}}),
        ("rights", "group_call_participant", {"connected_meetings": {"can_alter_connected_meetings": True}}),
    ],
)
def test_a_preset_that_does_not_fit_is_found(
    diagnose: Diagnose, sandbox: SandboxServer, check: str, name: str, permissions: dict[str, Any]
) -> None:
    preset = f"presets/{_preset(sandbox, name)}"
    before = _rest(sandbox, "GET", preset)["permissions"]
    _rest(sandbox, "PATCH", preset, {"permissions": before | permissions})
    verdict = diagnose(check)
    assert verdict.status is not OK
    assert name in verdict.detail


@pytest.mark.parametrize(
    ("hooks", "status", "said"),
    [
        ([{}], OK, HOOK),
        ([{"url": "https://elsewhere.example.com"}], FAILED, "does not call"),
        ([{"enabled": False}], FAILED, "switched off"),
        ([{"events": ["meeting.started"]}], FAILED, "does not tell"),
        ([{}, {}], WARNING, "2 webhooks"),
        ([{"name": "breakouts 0badcafe"}], FAILED, "the webhook 'breakouts 0badcafe' of another deployment calls"),
        ([{}, {"name": "breakouts 0badcafe", "url": OTHER}], OK, f"other deployments in this app have {OTHER}"),
    ],
)
def test_a_webhook_that_does_not_do_is_found(
    diagnose: Diagnose, sandbox: SandboxServer, hooks: list[dict[str, Any]], status: Status, said: str
) -> None:
    for changes in hooks:
        _hook(sandbox, **changes)
    verdict = diagnose("webhook")
    assert (verdict.status, said in verdict.detail) == (status, True), verdict


@pytest.mark.parametrize(
    ("seconds", "status", "said"),
    [(1, OK, ""), (10, WARNING, "10 s ahead of"), (-10, WARNING, "10 s behind"), (31, FAILED, "31 s ahead of")],
)
def test_clocks_that_differ_are_found(seconds: int, status: Status, said: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    verdict = compare(now + timedelta(seconds=seconds), now, now)
    assert (verdict.status, said in verdict.detail) == (status, True)


def test_a_check_that_hangs_or_fails_hides_no_other(tmp_path: Path) -> None:
    checks = [
        Check("stuck", lambda _: ok(open_forever(tmp_path)), timeout_seconds=0.1, advice="pull"),
        Check("broken", lambda _: ok(str(1 // 0))),
        Check("next", lambda _: ok("there"), ("settings",)),
        Check("last", lambda _: ok("never"), ("broken",)),
    ]
    assert dict(run(checks, Parts())) == {
        "stuck": failed("no answer within 0.1 s", "pull"),
        "broken": failed("ZeroDivisionError: integer division or modulo by zero"),
        "next": ok("there"),
        "last": Verdict(WARNING, "not checked: it needs broken"),
    }


def open_forever(folder: Path) -> str:
    """Open a pipe that nobody writes to, which blocks for ever."""
    os.mkfifo(folder / "pipe")
    return (folder / "pipe").read_text()


def test_the_command_says_all_of_it_and_changes_nothing(env: Env) -> None:
    settings = {**clean_environment(), **env, "BROKER_URL": "", "DATABASE_URL": ""}
    ended = subprocess.run(
        [*BREAKOUTS, "doctor"], env=settings, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "hush" not in ended.stdout
    assert all(check.name in ended.stdout for check in CHECKS)
    assert re.search(r"failed  broker +no broker: .* → set BROKER_URL", ended.stdout)
    assert re.search(r"\d+ ok, \d+ warning, \d+ failed$", ended.stdout.strip())
    assert not Path(env["BREAKOUTS_HOME"]).exists()


def test_a_key_in_the_database_lets_somebody_call_the_api(diagnose: Diagnose, sqlite_url: str) -> None:
    database = Database(sqlite_url, lambda *_: None, pool_size=1)
    api_keys.create(database, "ops", KeyRole.OPERATOR)
    assert diagnose("API keys", API_KEYS="").detail == "1 in the database"
    api_keys.revoke(database, "ops")
    lacking = diagnose("API keys", API_KEYS="")
    assert lacking.status is FAILED
    assert "breakouts keys create NAME --role operator" in lacking.advice, "a key without a role is refused"
    database.close()
