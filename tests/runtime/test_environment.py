"""Settings as platforms give them: each process reads what is its own, and refuses what is wrong in one sentence."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from orchestrator.errors import Unusable
from orchestrator.process_settings import Process, read
from orchestrator.settings import Settings
from tests.support.processes import CELERY, Processes, clean_environment

BROKER = "redis://127.0.0.1:1/0"
ELSEWHERE = "192.0.2.1"
"""An address that no machine has."""
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
BROKER_USERS = ENGINE | {Process.FLOWER}
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
    "FORWARDED_ALLOW_IPS": ("127.0.0.1, proxy", {Process.API}),
    "REALTIMEKIT_WEBHOOK_PUBLIC_KEY": ("MIIB", {Process.API}),
    "LOG_LEVEL": ("loud", set(Process)),
    "BREAKOUTS_HOME": (f"{__file__}/home", set(Process)),
    "SECRET_KEY": (" , ", BROKER_USERS),
    "CORS_ORIGINS": ("https://meet.example, rooms.example", {Process.API}),
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


NUMBERS = [name for name, field in Settings.model_fields.items() if field.annotation in (int, float, float | None)]
NO_NUMBERS = ["inf", "-inf", "nan", "1e20", "1" + "0" * 30, "9" * 5000]


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_has_an_end(give: Give, name: str) -> None:
    for value in NO_NUMBERS:
        give(**{name.upper(): value})
        with pytest.raises(Unusable, match=f"^{name.upper()}: [^\n]+$") as refused:
            read(Process.ALL)
        assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("retention_days", "0"), ("retention_days", "36500"), ("sweep_seconds", "31536000"), ("metrics_port", "0")],
)
def test_a_number_that_means_never_or_for_ever_is_taken(give: Give, name: str, value: str) -> None:
    give(**{name.upper(): value})
    assert getattr(read(Process.ALL), name) == float(value)


@pytest.mark.parametrize("process", Process)
def test_a_home_that_can_not_be_made_is_refused_by_what_keeps_something_there(give: Give, process: Process) -> None:
    give(BREAKOUTS_HOME="/proc/home")
    if process in {Process.DAILY, Process.ALL}:
        read(process)
    else:
        with pytest.raises(Unusable, match=r"^BREAKOUTS_HOME: can't make /proc/home: "):
            read(process)
    give(DATABASE_URL="sqlite:///rooms.db", SECRET_KEY="secret")
    if process is Process.FLOWER:
        with pytest.raises(Unusable, match=r"^BREAKOUTS_HOME: "):
            read(process)
    else:
        read(process)


def test_a_key_has_one_name_and_one_role(give: Give) -> None:
    give(API_KEYS="me:operator:old,me:operator:new")
    read(Process.API)
    give(API_KEYS="me:operator:old, you:viewer:old")
    with pytest.raises(Unusable, match=r"^API_KEYS: has one key twice$"):
        read(Process.API)


def test_a_webhook_key_is_an_rsa_key_also_where_a_variable_has_one_line(give: Give) -> None:
    pem = _pem()
    for line_break in ("\\n", "\\r\\n", "\r\n"):
        give(REALTIMEKIT_WEBHOOK_PUBLIC_KEY=pem.replace("\n", line_break))
        assert read(Process.API).realtimekit_webhook_public_key.splitlines() == pem.splitlines()
    other = _as_pem(ec.generate_private_key(ec.SECP256R1()))
    of_no_kind_known = "-----BEGIN PUBLIC KEY-----\nMAwwBQYDKgMEAwMAAQI=\n-----END PUBLIC KEY-----"
    for wrong in (other, of_no_kind_known, pem[:-40], pem.splitlines()[1]):
        give(REALTIMEKIT_WEBHOOK_PUBLIC_KEY=wrong)
        with pytest.raises(Unusable, match=r"^REALTIMEKIT_WEBHOOK_PUBLIC_KEY: must be an RSA public key"):
            read(Process.API)


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


@cache
def _pem() -> str:
    """Return an RSA key such as RealtimeKit signs with."""
    return _as_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def _as_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """Return the public key of a pair."""
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, kind).decode().strip()


def _good(name: str) -> str:
    """Return a good value of a setting."""
    examples = {
        "realtimekit_webhook_public_key": _pem(),
        "api_keys": "me:operator:key",
        "flower_basic_auth": "me:key",
        "broker_url": BROKER,
        "database_url": "sqlite:///rooms.db",
        "session_keep_alive_seconds": "599",
        "log_level": "ERROR",
        "retention_days": "30",
        "forwarded_allow_ips": "10.0.0.0/8, ::1",
        "cors_origins": "https://meet.example, capacitor://localhost",
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


@pytest.mark.parametrize(
    "broken", ["DATABASE_URL='postgresql://db/rooms", 'SECRET_KEY="a" b', "= 8123", "PORT: 8123", "'PORT=8123"]
)
@pytest.mark.parametrize("process", Process)
@pytest.mark.usefixtures("give")
def test_a_line_of_the_file_that_sets_nothing_is_named(process: Process, broken: str) -> None:
    Path(".env").write_text(f"LOG_LEVEL=ERROR\n\n\n{broken}\n# more\nHOST=0.0.0.0\n")
    with pytest.raises(Unusable, match=r"^\.env can't be read: line 4 must be [^\n]+$"):
        read(process)


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


@pytest.mark.parametrize(
    ("command", "given", "said"),
    [
        ("worker", {"METRICS_HOST": "nohost.invalid"}, "METRICS_HOST: can't listen on nohost.invalid"),
        ("beat", {"METRICS_HOST": ELSEWHERE}, "METRICS_HOST: can't listen on"),
        ("flower", {"FLOWER_HOST": ELSEWHERE}, "FLOWER_HOST: can't listen on"),
        ("flower", {"BREAKOUTS_HOME": "/proc/home"}, "BREAKOUTS_HOME: can't make /proc/home"),
    ],
)
def test_celery_says_in_one_sentence_where_it_can_not_be(
    processes: Processes, tmp_path: Path, command: str, given: dict[str, str], said: str
) -> None:
    env = {"BREAKOUTS_HOME": str(tmp_path), "BROKER_URL": BROKER, "METRICS_PORT": "9400", "FLOWER_PORT": "0", **given}
    process = processes.start([*CELERY, command], env)
    assert process.wait() == 2
    assert process.output.startswith(f"breakouts: {said}")
    assert process.output.count("\n") == 1


def test_origins_are_kept_as_browsers_send_them(give: Give) -> None:
    give(CORS_ORIGINS=" https://Meet.example/ , capacitor://localhost,")
    assert Settings().cors_origins == "https://meet.example,capacitor://localhost"
