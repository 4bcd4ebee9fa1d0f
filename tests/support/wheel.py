"""The wheel, made of nothing but what the Dockerfile copies; and a virtual environment in which it is installed."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.support.processes import ROOT, clean_environment

PACKAGES = ("orchestrator", "schemas", "workers")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def copied() -> list[str]:
    """Everything that the Dockerfile takes from this folder."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    return [source.rstrip("/") for line in lines for source in line.split()[:-1]]


def build(folder: Path) -> Path:
    """Build the wheel in an empty folder, without a network; give its path."""
    for name in copied():
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, folder / name)
    subprocess.run([sys.executable, "-c", BUILD, str(folder)], cwd=folder, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def install(wheel: Path, folder: Path) -> Path:
    """Install it alone in a new virtual environment; give the folder of its programs.

    What it depends on is read from the environment of the tests: its path is added at the end, so that this project
    itself, which is installed there too, is found in the wheel first and its link to this checkout is not followed.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    subprocess.run([*_installer(python), "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def environment() -> dict[str, str]:
    """Variables for the installed programs, with no way back to this checkout."""
    return {**clean_environment(), "PYTHONPATH": ""}


def _installer(python: Path) -> list[str]:
    """Return what `make setup` installs with: uv, else the pip of the Python outside."""
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--quiet", "--python", str(python)]
    outside = getattr(sys, "_base_executable", None) or os.path.realpath(sys.executable)
    return [outside, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
