"""Settings as platforms give them: each process reads what is its own, and refuses what is wrong in one sentence."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import Unusable
from orchestrator.process_settings import Process, read
from orchestrator.settings import Settings
from tests.support.processes import CELERY, Processes, clean_environment

BROKER = "redis://127.0.0.1:1/0"
PEM = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----"
Give = Callable[..., None]


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Give:
    """Return a function that sets variables, in a folder without `.env`."""
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)
    monkeypatch.setenv("BREAKOUTS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BROKER_URL", BROKER)

    def run(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return run


ENGINE = {Process.API, Process.WORKER, Process.TIMEKEEPER, Process.WEBHOOKS, Process.PRESETS, Process.SWEEP}
WRONG = {
    "PORT": ("http", {Process.API, Process.DAILY}),
    "API_KEYS": ("tests:boss:key", {Process.API}),
    "READY_MAX_OVERDUE_SECONDS": ("soon", {Process.API}),
    "FLOWER_PORT": ("70000", {Process.FLOWER}),
    "FLOWER_BASIC_AUTH": ("password", {Process.FLOWER}),
    "METRICS_PORT": ("-1", {Process.WORKER, Process.TIMEKEEPER}),
    "PUBLIC_URL": ("rooms.example", {Process.WEBHOOKS, Process.API}),
    "BREAKOUTS_API_URL": ("rooms.example", {Process.DAILY}),
    "LEASE_SECONDS": ("0", ENGINE),
    "REALTIMEKIT_BASE_URL": ("api", ENGINE),
    "REALTIMEKIT_API_TOKEN": ("two words", ENGINE),
    "DATABASE_URL": ("mysql://here/rooms", set(Process) - {Process.DAILY, Process.ALL}),
    "LOG_LEVEL": ("loud", set(Process)),
}
"""A wrong value of a variable, and the processes that refuse it, beside the commands that check all of them."""


@pytest.mark.parametrize("name", WRONG)
def test_only_a_process_that_uses_a_setting_refuses_its_value(give: Give, name: str) -> None:
    value, users = WRONG[name]
    give(**{name: value})
    for process in {*users, Process.ALL}:
        with pytest.raises(Unusable, match=f"^{name}: [^\n]+$"):
            read(process)
    for process in set(Process) - {*users, Process.ALL}:
        assert getattr(read(process), name.lower()) == Settings.model_fields[name.lower()].default


@pytest.mark.parametrize("process", Process)
def test_only_what_signs_and_encrypts_needs_a_secret(give: Give, process: Process) -> None:
    give(REALTIMEKIT_API_TOKEN="token")
    if process in {Process.API, Process.WORKER, Process.ALL}:
        with pytest.raises(Unusable, match="SECRET_KEY is required"):
            read(process)
    else:
        read(process)


@pytest.mark.parametrize("process", Process)
def test_only_what_uses_the_broker_needs_its_address(give: Give, process: Process) -> None:
    give(BROKER_URL="")
    if process in {Process.MIGRATE, Process.KEYS, Process.DAILY, Process.ALL}:
        read(process)
    else:
        with pytest.raises(Unusable, match="BROKER_URL"):
            read(process)


def _good(name: str) -> str:
    """Return a good value of a setting."""
    examples = {
        "realtimekit_webhook_public_key": PEM,
        "api_keys": "me:operator:key",
        "flower_basic_auth": "me:key",
        "broker_url": BROKER,
        "database_url": "sqlite:///rooms.db",
        "session_keep_alive_seconds": "599",
        "log_level": "ERROR",
        "retention_days": "30",
    }
    default = Settings.model_fields[name].default
    if isinstance(default, bool):
        return str(not default).lower()
    if isinstance(default, int | float):
        return examples.get(name, f"{default + 1:g}")
    return examples.get(name, "https://rooms.example" if name.endswith("url") else "word")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_blanks_and_line_breaks_around_a_value_do_not_count(give: Give, name: str) -> None:
    give(**{name.upper(): _good(name)})
    plain = getattr(Settings(), name)
    assert plain != Settings.model_fields[name].default
    for around in ("\n", " \r\n", "\t"):
        give(**{name.upper(): around + _good(name) + around})
        assert getattr(Settings(), name) == plain


@pytest.mark.parametrize("name", Settings.model_fields)
def test_what_is_empty_counts_as_not_set(give: Give, name: str) -> None:
    for empty in ("", " \n"):
        give(**{name.upper(): empty})
        assert getattr(Settings(), name) == Settings.model_fields[name].default


def test_a_file_means_the_same_as_the_environment(give: Give) -> None:
    Path(".env").write_text(
        "\ufeffFLOWER_PORT=tcp://10.96.0.7:5555\r\nPORT= 8123 \r\nSECRET_KEY='a b '\r\nLOG_LEVEL=\r\n"
    )
    found = read(Process.ALL)
    assert (found.port, found.flower_port, found.log_level) == (8123, 5555, "INFO")
    assert found.secret_key.get_secret_value() == "a b"
    give(PORT="")
    assert read(Process.ALL).port == 8000, "an empty variable takes back what the file says"


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name.endswith("_port")])
def test_what_kubernetes_says_of_services_is_passed_over(give: Give, name: str) -> None:
    give(**{name.upper(): "tcp://10.96.0.7:5555"})
    assert getattr(read(Process.ALL), name) == Settings.model_fields[name].default


def test_celery_says_in_one_sentence_which_setting_is_wrong(processes: Processes, tmp_path: Path) -> None:
    env = {"BREAKOUTS_HOME": str(tmp_path), "BROKER_URL": BROKER, "METRICS_PORT": "none", "FLOWER_BASIC_AUTH": "none"}
    worker = processes.start([*CELERY, "worker"], env)
    flower = processes.start([*CELERY, "flower"], env)
    assert worker.wait() == flower.wait() == 2
    assert worker.output.startswith("breakouts: METRICS_PORT: ")
    assert flower.output.startswith("breakouts: FLOWER_BASIC_AUTH: ")
    assert worker.output.count("\n") == flower.output.count("\n") == 1
