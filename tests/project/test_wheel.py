"""The wheel: it says what it is, holds all that is read at run time, and runs where there is no checkout."""

import subprocess
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

from tests.support import wheel as wheels
from tests.support.processes import ROOT, Processes
from tests.support.pyproject import VERSION, document

pytestmark = pytest.mark.xdist_group("wheel")

DEMO_SECONDS = 200
WHERE = "import {0}; print({0}.__file__)"


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


@pytest.mark.long
@pytest.mark.timeout(DEMO_SECONDS + 60)
def test_the_demo_runs_from_it_in_an_empty_folder(wheel: Path, processes: Processes, tmp_path: Path) -> None:
    programs, empty = wheels.install(wheel, tmp_path / "venv"), tmp_path / "empty"
    empty.mkdir()
    env = {**wheels.environment(), "TMPDIR": str(tmp_path)}
    for package in wheels.PACKAGES:
        command = [str(programs / "python"), "-c", WHERE.format(package)]
        done = subprocess.run(command, cwd=empty, env=env, capture_output=True, text=True, check=True)
        assert Path(done.stdout).is_relative_to(tmp_path / "venv")
    (script,) = document()["project"]["scripts"]
    demo = processes.start([str(programs / script), "demo", "--seconds", "10", "--countdown", "1"], env, cwd=empty)
    assert demo.wait(DEMO_SECONDS) == 0, demo.output
    assert "all 18 people are home" in demo.output
    assert not list(empty.iterdir())
