"""The embedded broker: private, one per home, found by its address file."""

import stat
from pathlib import Path

import pytest
import redis

from orchestrator.runtime import broker
from orchestrator.runtime.broker import NoBroker
from orchestrator.settings import Settings
from tests.support.valkey import Valkey


def test_only_who_knows_the_password_gets_in(own_valkey: Valkey) -> None:
    stranger = redis.Redis.from_url(own_valkey.url.split(":", 1)[0] + "://" + own_valkey.url.rsplit("@", 1)[1])
    with stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_the_password_is_readable_by_its_owner_only_and_in_no_command_line(tmp_path: Path) -> None:
    prepared = broker.prepare(tmp_path)
    prepared.announce()
    password = prepared.url.split(":")[2].split("@")[0]
    assert password not in " ".join(prepared.command)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 2
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)


def test_settings_find_the_broker_of_their_home_while_it_is_announced(tmp_path: Path) -> None:
    prepared = broker.prepare(tmp_path)
    prepared.announce()
    assert Settings(breakouts_home=tmp_path, broker_url="").broker == prepared.url
    prepared.withdraw()
    with pytest.raises(RuntimeError, match="BROKER_URL"):
        _ = Settings(breakouts_home=tmp_path, broker_url="").broker


def test_two_homes_have_two_brokers(tmp_path: Path) -> None:
    one, other = broker.prepare(tmp_path / "one"), broker.prepare(tmp_path / "other")
    assert one.url != other.url
    assert one.command != other.command


def test_it_forgets_nothing_rather_than_something_silently(own_valkey: Valkey) -> None:
    with redis.Redis.from_url(own_valkey.url, decode_responses=True) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}


def test_a_home_whose_path_has_spaces_and_quotes_works(tmp_path: Path) -> None:
    server = Valkey(tmp_path / 'my "own" home')
    with redis.Redis.from_url(server.url) as client:
        assert client.ping()
    server.kill()


def test_a_machine_without_any_server_is_told_to_set_broker_url(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.path", [])
    monkeypatch.setattr("sys.modules", {})
    with pytest.raises(NoBroker, match="BROKER_URL"):
        broker.find_server()


def test_a_server_on_path_stands_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    standin = tmp_path / "redis-server"
    standin.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.path", [])
    monkeypatch.setattr("sys.modules", {})
    assert broker.find_server() == standin
