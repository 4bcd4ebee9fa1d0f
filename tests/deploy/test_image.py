"""The image without an engine to build it: all copied files exist, pass .dockerignore, and contain our packages."""

import re
import zipfile
from pathlib import Path

import pytest

from tests.support import compose
from tests.support.processes import ROOT
from tests.support.pyproject import document
from tests.support.wheel import build, copied

DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build what pip installs in the image, from the copied files alone."""
    return zipfile.ZipFile(build(tmp_path_factory.mktemp("image")))


def test_a_builder_gets_what_is_copied_and_nothing_else() -> None:
    allowed = re.findall(r"^!(.+?)/?$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert sorted(allowed) == sorted(copied())
    assert "*" in (ROOT / ".dockerignore").read_text().splitlines()


def test_the_commands_of_compose_reach_the_image(wheel: zipfile.ZipFile) -> None:
    scripts = document()["project"]["scripts"]
    ours = [service for service in compose.services().values() if service.get("build")]
    assert {service["command"][0] for service in ours} <= set(scripts)
    assert all(entry.split(":")[0].replace(".", "/") + ".py" in wheel.namelist() for entry in scripts.values())


def test_nothing_runs_as_root_and_nothing_is_whatever_is_newest() -> None:
    images = re.findall(r"^FROM \S+:(\S+)", DOCKERFILE, re.MULTILINE)
    assert images == ["${NODE}", "${PYTHON}", "${PYTHON}"]
    assert re.search(r"^ARG PYTHON=\d+\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^ARG NODE=\d+-\w+-slim$", DOCKERFILE, re.MULTILINE)
    assert DOCKERFILE.rindex("\nUSER ") > DOCKERFILE.rindex("\nFROM ")
    others = [service for service in compose.services().values() if not service.get("build")]
    assert all(re.search(r":\d", service["image"]) and service["user"] != "root" for service in others)


@pytest.mark.parametrize("name", compose.services())
def test_each_container_is_kept_small_and_ends_in_its_own_time(name: str) -> None:
    service = compose.services()[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    if name == "migrate":
        return
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert service["stop_grace_period"]
    assert "container_name" not in service


def test_database_and_broker_are_reached_from_inside_only() -> None:
    networks = compose.document()["networks"]
    assert [name for name, network in networks.items() if network.get("internal")] == ["inside"]
    for name in ("postgres", "valkey"):
        assert "ports" not in compose.services()[name]
        assert compose.services()[name]["networks"] == ["inside"]


def test_all_of_ours_have_one_environment() -> None:
    ours = [service for service in compose.services().values() if service.get("build")]
    assert len(ours) == 6
    assert all(service["environment"] == ours[0]["environment"] for service in ours)
    assert all(service["env_file"] == ours[0]["env_file"] for service in ours)


def test_no_secret_has_a_default() -> None:
    secret = re.compile("KEY|TOKEN|PASSWORD|AUTH")
    shown = {name: value for name, value in compose.example_of_all().items() if secret.search(name)}
    harmless = re.compile("https://.*|[0-9]+")
    assert not [name for name, value in shown.items() if value and not harmless.fullmatch(value)]
    assert not [name for name, optional in compose.variables().items() if secret.search(name) and optional]


def test_a_dot_env_is_never_committed() -> None:
    assert ".env" in Path(ROOT / ".gitignore").read_text().splitlines()
