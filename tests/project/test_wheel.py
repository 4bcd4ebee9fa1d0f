"""The wheel says what it is, and holds all that is read at run time; tests/docs runs it where there is no checkout."""

import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

from tests.support import wheel as wheels
from tests.support.processes import ROOT
from tests.support.pyproject import VERSION

pytestmark = pytest.mark.xdist_group("wheel")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it once for all of these tests."""
    return wheels.build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    """Read what a package index would show of it."""
    with zipfile.ZipFile(wheel) as files:
        return message_from_string(files.read(f"breakout_orchestrator-{VERSION}.dist-info/METADATA").decode())


def test_it_names_its_version_its_license_and_its_authors(metadata: Message) -> None:
    assert metadata["Version"] == VERSION
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert metadata["Author"] == "The Breakout Orchestrator authors"
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])


def test_it_holds_every_file_of_the_packages(wheel: Path) -> None:
    paths = {path for package in wheels.PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()}
    written = {path.relative_to(ROOT).as_posix() for path in paths if path.parent.name != "__pycache__"}
    with zipfile.ZipFile(wheel) as files:
        held = {name for name in files.namelist() if ".dist-info/" not in name}
    assert held == written
    assert {f"{package}/py.typed" for package in wheels.PACKAGES} | {"schemas/migrations/script.py.mako"} <= held
