"""What pyproject.toml says of this project."""

import tomllib
from typing import Any

from tests.support.processes import ROOT


def document() -> dict[str, Any]:
    """Read all of it."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


VERSION = str(document()["project"]["version"])
"""What every process must call itself."""
