"""What runs here: the version of the installed distribution, whose only source is pyproject.toml, and Python's."""

import platform
from importlib.metadata import PackageNotFoundError, version

DISTRIBUTION = "breakout-orchestrator"


def installed() -> str:
    """Read the version from the installation's metadata; `unknown` in a checkout that is not installed."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "unknown"


VERSION = installed()
PYTHON = platform.python_version()
