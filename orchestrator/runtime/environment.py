"""The environment that a child gets: this process' own, with changes."""

import os
from collections.abc import Mapping

Changes = Mapping[str, str | None]
"""Variables to set; None takes one away."""


def environment(changes: Changes) -> dict[str, str]:
    """This process' environment with `changes`."""
    return {name: value for name, value in {**os.environ, **changes}.items() if value is not None}
