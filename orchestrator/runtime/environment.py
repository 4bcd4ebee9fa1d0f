"""The environment of a child process."""

import os
from collections.abc import Mapping

Changes = Mapping[str, str | None]
"""Variables to set, or to remove where the value is None."""


def environment(changes: Changes) -> dict[str, str]:
    """Return this process's environment with `changes` applied."""
    return {name: value for name, value in {**os.environ, **changes}.items() if value is not None}
