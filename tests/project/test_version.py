"""One version: the one that pyproject.toml holds is the one that is installed."""

import subprocess
import sys
from pathlib import Path

import orchestrator.version
from tests.support.pyproject import VERSION


def test_the_version_is_the_one_that_pyproject_holds() -> None:
    assert orchestrator.version.VERSION == VERSION


def test_code_that_nobody_installed_starts_all_the_same(tmp_path: Path) -> None:
    """Without site-packages (`-S`) there is no metadata of this project."""
    (tmp_path / "version.py").write_bytes(Path(orchestrator.version.__file__).read_bytes())
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append({str(tmp_path)!r}); import version"]
    command[-1] += "; print(version.VERSION)"
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "unknown\n"
