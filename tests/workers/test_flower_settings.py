"""Flower's settings, which the application that it loads takes from ours."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import ValidationError

from orchestrator.settings import Settings
from workers.flower_settings import set_flower

OPEN = {"FLOWER_UNAUTHENTICATED_API": "true", "FLOWER_READ_ONLY": "true"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Give this process an environment without variables."""
    variables: dict[str, str] = {}
    monkeypatch.setattr(os, "environ", variables)
    return variables


@pytest.fixture
def celery_flower() -> Iterator[None]:
    """Act as `celery flower` at the time when it loads the application."""
    with click.Context(click.Command("celery")) as context:
        context.invoked_subcommand = "flower"
        yield


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a BREAKOUTS_HOME."""
    return tmp_path / "home"


def settings(home: Path, **more: Any) -> Settings:
    return Settings(breakouts_home=home, secret_key="tests", **more, _env_file=None)


@pytest.mark.usefixtures("celery_flower")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_without_a_password_it_is_open_for_reading_on_loopback(
    environment: dict[str, str], home: Path, host: str
) -> None:
    environment["FLOWER_BASIC_AUTH"] = ""
    set_flower(settings(home, flower_host=host))
    assert {name: environment.get(name) for name in OPEN} == OPEN
    assert environment["FLOWER_ADDRESS"] == host
    assert "FLOWER_BASIC_AUTH" not in environment


@pytest.mark.usefixtures("celery_flower")
@pytest.mark.parametrize(
    "more", [{"flower_host": "0.0.0.0"}, {"flower_basic_auth": "me:secret"}], ids=["network", "password"]
)
def test_elsewhere_or_with_a_password_its_api_is_closed(
    environment: dict[str, str], home: Path, more: dict[str, str]
) -> None:
    set_flower(settings(home, **more))
    assert not OPEN.keys() & environment.keys()
    assert environment.get("FLOWER_BASIC_AUTH") == more.get("flower_basic_auth")


@pytest.mark.usefixtures("celery_flower")
def test_it_remembers_under_its_home_and_cookies_outlive_it(environment: dict[str, str], home: Path) -> None:
    set_flower(settings(home))
    assert environment["FLOWER_DB"] == str(home / "flower.db")
    assert environment["FLOWER_PERSISTENT"] == "true"
    first = environment.pop("FLOWER_COOKIE_SECRET")
    set_flower(settings(home))
    assert environment["FLOWER_COOKIE_SECRET"] == first
    assert "tests" not in first


@pytest.mark.usefixtures("celery_flower")
def test_what_is_set_by_hand_stays_but_not_who_may_use_it(environment: dict[str, str], home: Path) -> None:
    environment |= {"FLOWER_TASKS_COLUMNS": "name", "FLOWER_ADDRESS": "0.0.0.0", "FLOWER_READ_ONLY": "false"}
    set_flower(settings(home))
    assert environment["FLOWER_TASKS_COLUMNS"] == "name"
    assert environment["FLOWER_ADDRESS"] == "127.0.0.1"
    assert environment["FLOWER_READ_ONLY"] == "true"


@pytest.mark.usefixtures("celery_flower")
def test_what_kubernetes_says_of_a_service_named_flower_is_passed_over(environment: dict[str, str], home: Path) -> None:
    environment |= {"FLOWER_PORT": "tcp://10.96.0.7:5555", "FLOWER_TASKS_COLUMNS": " ", "FLOWER_DB": "here.db\n"}
    set_flower(settings(home, flower_port="tcp://10.96.0.7:5555"))
    assert environment["FLOWER_PORT"] == "5555"
    assert environment["FLOWER_TASKS_COLUMNS"].startswith("name,")
    assert environment["FLOWER_DB"] == "here.db"


def test_no_other_process_is_given_flowers_variables(environment: dict[str, str], home: Path) -> None:
    set_flower(settings(home, flower_basic_auth="me:secret"))
    assert not [name for name in environment if name.startswith("FLOWER_")]


@pytest.mark.parametrize("given", ["secret", "me:", ":secret", "me:secret,you"])
def test_what_is_no_user_and_password_is_refused_without_repeating_it(home: Path, given: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(home, flower_basic_auth=given)
    assert "user:password" in str(caught.value)
    assert "secret" not in str(caught.value)
