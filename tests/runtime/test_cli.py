"""`breakouts`: help for everything, and a sentence instead of a traceback for users' mistakes."""

import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.cli.daily.summaries import SUMMARIES
from orchestrator.cli.main import main
from orchestrator.runtime.ports import LOOPBACK, free_port
from tests.support.databases import migrate_to, pretend_newer
from tests.support.postgres import Postgres
from tests.support.processes import BREAKOUTS, Processes, clean_environment
from tests.support.pyproject import VERSION

Refused = Callable[..., str]
COMMANDS = ["up", "api", "worker", "timekeeper", "flower", "sandbox", "migrate", "webhooks", "keys", "demo"]
COMMANDS += ["doctor", "presets", "sweep", *SUMMARIES]
CREDENTIALS = dict.fromkeys(("REALTIMEKIT_ACCOUNT_ID", "REALTIMEKIT_APP_ID", "REALTIMEKIT_API_TOKEN"), "x")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Make a home and free ports for one test."""
    return {
        "BREAKOUTS_HOME": str(tmp_path / "home"),
        "PORT": str(free_port()),
        "FLOWER_PORT": str(free_port()),
        "SECRET_KEY": "only-for-tests",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "COLUMNS": "120",
    }


@pytest.fixture
def taken_port() -> Iterator[int]:
    """Listen on a port, so that it is in use."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def refused(env: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Return a function that runs a command that must fail by its user's mistake, and returns its message."""
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)

    def run(*arguments: str, **more: str) -> str:
        for name, value in {**env, **more}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.argv", ["breakouts", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        return capsys.readouterr().err

    return run


def refused_process(processes: Processes, env: dict[str, str], *arguments: str) -> str:
    """Return the same for a command that replaces its process."""
    process = processes.breakouts(*arguments, env=env)
    assert process.wait() == 2, process.output
    assert "Traceback" not in process.output
    return process.output


def test_help_names_every_command(cold_processes: Processes, env: dict[str, str]) -> None:
    process = cold_processes.breakouts("--help", env=env)
    assert process.wait() == 0
    assert all(re.search(rf"\b{command}\b", process.output) for command in COMMANDS)


def test_it_says_which_version_it_is(processes: Processes, env: dict[str, str]) -> None:
    process = processes.breakouts("--version", env=env)
    assert process.wait() == 0
    assert process.output == f"breakouts {VERSION}\n"


def test_every_command_has_help(processes: Processes, env: dict[str, str]) -> None:
    started = {command: processes.breakouts(command, "--help", env=env) for command in COMMANDS}
    for command, process in started.items():
        assert process.wait() == 0, command
        assert "Usage" in process.output, command


def test_up_without_credentials_says_which_are_missing_and_offers_the_sandbox(
    refused: Refused,
) -> None:
    said = refused("up", **{**CREDENTIALS, "REALTIMEKIT_API_TOKEN": ""})
    assert "REALTIMEKIT_API_TOKEN not set" in said
    assert "REALTIMEKIT_ACCOUNT_ID" not in said
    assert "--sandbox" in said


@pytest.mark.parametrize("variable", ["PORT", "FLOWER_PORT"])
def test_up_names_the_variable_of_a_port_that_is_taken(refused: Refused, taken_port: int, variable: str) -> None:
    said = refused("up", "--sandbox", **{variable: str(taken_port)})
    assert f"port {taken_port} of 127.0.0.1 is in use: choose another by {variable}\n" in said


def test_up_names_the_option_of_a_port_that_is_taken_before_anything_starts(refused: Refused, taken_port: int) -> None:
    said = refused("up", "--sandbox", "--sandbox-port", str(taken_port))
    assert said == f"breakouts: port {taken_port} of 127.0.0.1 is in use: choose another by --sandbox-port\n"


@pytest.mark.parametrize("host", ["nohost.invalid", "192.0.2.1", f"{'a' * 64}.example"])
@pytest.mark.parametrize("variable", ["HOST", "FLOWER_HOST"])
def test_up_names_the_variable_of_a_host_that_is_not_here(refused: Refused, variable: str, host: str) -> None:
    assert refused("up", "--sandbox", **{variable: host}).startswith(f"breakouts: {variable}: can't listen on {host}:")


def test_up_refuses_a_home_that_can_not_be_made(refused: Refused) -> None:
    said = refused("up", "--sandbox", BREAKOUTS_HOME="/proc/home")
    assert said.startswith("breakouts: BREAKOUTS_HOME: can't make /proc/home: ")


def test_up_refuses_a_broker_that_does_not_answer_without_telling_its_password(refused: Refused) -> None:
    port = free_port()
    said = refused("up", "--sandbox", BROKER_URL=f"redis://:hush@{LOOPBACK}:{port}/0")
    assert f"BROKER_URL does not answer at 127.0.0.1:{port}" in said
    assert "hush" not in said


@pytest.mark.parametrize("command", ["worker", "timekeeper", "flower"])
def test_single_processes_without_a_broker_name_broker_url(refused: Refused, command: str) -> None:
    assert "BROKER_URL" in refused(command)


def test_webhooks_without_an_address_of_ours_name_public_url(refused: Refused) -> None:
    assert "PUBLIC_URL is not set" in refused("webhooks", "ensure", BROKER_URL="redis://127.0.0.1:1/0")


@pytest.mark.parametrize(
    ("command", "host"),
    [(["api"], "HOST"), (["flower"], "FLOWER_HOST"), (["sandbox", "--host", "192.0.2.1"], "--host")],
)
def test_single_servers_name_what_says_where_they_listen(
    processes: Processes, env: dict[str, str], command: list[str], host: str
) -> None:
    given = {**env, "BROKER_URL": "redis://127.0.0.1:1/0", host: "192.0.2.1"}
    assert f"breakouts: {host}: can't listen on 192.0.2.1:" in refused_process(processes, given, *command)


@pytest.mark.parametrize(("command", "port"), [("api", "PORT"), ("flower", "FLOWER_PORT"), ("sandbox", "--port")])
def test_single_servers_name_what_sets_a_port_that_is_taken(
    processes: Processes, env: dict[str, str], taken_port: int, command: str, port: str
) -> None:
    option = [port, str(taken_port)] if command == "sandbox" else []
    given = {**env, "BROKER_URL": "redis://127.0.0.1:1/0", port: str(taken_port)}
    said = refused_process(processes, given, command, *option)
    assert f"port {taken_port} of 127.0.0.1 is in use: choose another by {port}\n" in said


def test_the_sandbox_refuses_a_port_that_is_none(processes: Processes, env: dict[str, str]) -> None:
    assert "--port" in refused_process(processes, env, "sandbox", "--port", "99999")


def test_the_api_without_a_broker_names_broker_url(cold_processes: Processes, env: dict[str, str]) -> None:
    assert "BROKER_URL" in refused_process(cold_processes, env, "api")


def test_a_setting_that_makes_no_sense_is_named(refused: Refused) -> None:
    assert "PORT: " in refused("up", PORT="http")


def test_a_queue_that_does_not_exist_is_named(refused: Refused) -> None:
    said = refused("worker", "--queues", "rooms,nonsense", BROKER_URL="redis://127.0.0.1:1/0")
    assert "no queue nonsense" in said


def test_the_sandbox_refuses_settings_that_it_does_not_know(
    processes: Processes, env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "sandbox.json").write_text('{"latencies": 3}')
    assert "latencies" in refused_process(processes, env, "sandbox", "--config", str(tmp_path / "sandbox.json"))


@pytest.mark.parametrize(
    "command", [["--version"], ["list", "--help"], ["migrate"], ["doctor"], ["doctor", "--json"], ["keys", "list"]]
)
def test_output_that_can_not_be_written_is_no_bad_end(
    processes: Processes, env: dict[str, str], sqlite_url: str, command: list[str]
) -> None:
    full = ["sh", "-c", 'exec "$@" > /dev/full', "sh", *BREAKOUTS, *command]
    process = processes.start(full, {**env, "DATABASE_URL": sqlite_url})
    assert process.wait() == 2, process.output
    assert process.output.endswith("breakouts: can't write: No space left on device\n")
    assert "Traceback" not in process.output


def test_a_key_that_can_not_be_shown_is_revoked(processes: Processes, env: dict[str, str], sqlite_url: str) -> None:
    given = {**env, "DATABASE_URL": sqlite_url}
    create = [*BREAKOUTS, "keys", "create", "school", "--role", "operator"]
    process = processes.start(["sh", "-c", 'exec "$@" > /dev/full', "sh", *create], given)
    assert process.wait() == 2, process.output
    assert process.output.endswith("breakouts: can't write: No space left on device\n")
    again = processes.start(create, given)
    assert again.wait() == 0, f"its name is free: {again.output}"


def test_migrate_is_safe_to_repeat(processes: Processes, env: dict[str, str]) -> None:
    for _ in range(2):
        process = processes.breakouts("migrate", env=env)
        assert process.wait() == 0, process.output
        assert "migrated sqlite:///" in process.output


def test_two_that_migrate_one_database_at_once_both_succeed(
    processes: Processes, env: dict[str, str], postgres: Postgres
) -> None:
    url = postgres.fresh()
    both = [processes.breakouts("migrate", env={**env, "DATABASE_URL": url}) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0], "".join(process.output for process in both)
    postgres.drop(url)


def test_migrate_leaves_the_database_of_a_newer_release_alone_and_says_so(
    processes: Processes, env: dict[str, str], database_url: str
) -> None:
    newer = pretend_newer(database_url)
    said = refused_process(processes, {**env, "DATABASE_URL": database_url}, "migrate")
    assert f"the schema {newer} of a newer release" in said
    assert "restore a backup" in said
    assert "Traceback" not in said


def test_a_sweep_needs_the_schema_of_this_release(
    processes: Processes, env: dict[str, str], empty_database_url: str, broker_url: str
) -> None:
    migrate_to(empty_database_url, "0003")
    parts = {"DATABASE_URL": empty_database_url, "BROKER_URL": broker_url}
    said = refused_process(processes, env | CREDENTIALS | parts, "sweep")
    assert "the schema 0003 of an older release" in said
    assert "run `breakouts migrate`" in said


def test_migrate_says_which_database_does_not_answer_without_its_password(
    processes: Processes, env: dict[str, str]
) -> None:
    url = f"postgresql://someone:hush@{LOOPBACK}:{free_port()}/nowhere"
    said = refused_process(processes, {**env, "DATABASE_URL": url}, "migrate")
    assert "DATABASE_URL, postgresql://someone@" in said
    assert "refused" in said
    assert "hush" not in said
