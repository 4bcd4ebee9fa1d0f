"""The wheel, made of nothing but what the Dockerfile copies."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.processes import ROOT

PACKAGES = ("orchestrator", "schemas", "workers")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def copied() -> list[str]:
    """Everything that the Dockerfile takes from this folder."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    return [source.rstrip("/") for line in lines for source in line.split()[:-1]]


def build(folder: Path) -> Path:
    """Build the wheel in an empty folder, without a network; give its path."""
    for name in copied():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("node_modules"))
        else:
            shutil.copyfile(ROOT / name, folder / name)
    subprocess.run([sys.executable, "-c", BUILD, str(folder)], cwd=folder, check=True, capture_output=True)
    return next(folder.glob("*.whl"))
