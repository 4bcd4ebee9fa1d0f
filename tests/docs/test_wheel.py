"""A wheel in an empty folder is enough: the commands of README.md, without an index and without this checkout."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.names import PACKAGES
from tests.docs.pages import FROM_A_WHEEL, lines_to_run
from tests.support.processes import ROOT, clean_environment

BUILDS = re.compile(r"python3 -m pip wheel ")
QUICKER = {"breakouts demo": " --seconds 10 --countdown 1"}
"""Options that a command gets here so that it ends sooner."""
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
"""What the wheel needs is installed beside these tests. An isolated build would ask an index for setuptools;
pip reads the 0 of that variable as "no"."""
DEMO_ENDED_WELL = "people are home, every recording is uploaded, no room is left"


def run(line: str, folder: Path, tools: Path) -> str:
    """Run one line of the page in `folder`, and return what it prints. `python3` is the one in `tools`."""
    env = {**clean_environment(), **OFFLINE, "PATH": f"{tools / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    env["PYTHONPATH"] = "" if " install " in line else sysconfig.get_path("purelib")
    longer = next((more for command, more in QUICKER.items() if line.endswith(command)), "")
    done = subprocess.run(
        ["bash", "-euc", line + longer], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a copy of what a wheel is built from."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.skipif(find_spec("ensurepip") is None, reason="needs ensurepip (Debian: python3-venv)")
def test_a_wheel_in_an_empty_folder_is_enough(checkout: Path, tmp_path: Path) -> None:
    lines = lines_to_run(FROM_A_WHEEL)
    empty, tools = tmp_path / "empty", tmp_path / "tools"
    empty.mkdir()
    subprocess.run([sys.executable, "-m", "venv", str(tools)], check=True)
    for line in filter(BUILDS.match, lines):
        run(line, checkout, tools)
    [wheel] = (checkout / shlex.split(lines[0])[-2]).glob("*.whl")
    shutil.copy(wheel, empty)
    shutil.rmtree(checkout)
    said = [run(line, empty, tools) for line in lines if not BUILDS.match(line)]
    where = run('.venv/bin/python -c "import orchestrator; print(orchestrator.__file__)"', empty, tools)
    assert Path(where.strip()).is_relative_to(empty)
    assert DEMO_ENDED_WELL in said[-1]
