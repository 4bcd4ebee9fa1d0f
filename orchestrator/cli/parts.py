"""The parts of a process, for a command that works beside the running system."""

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator import bootstrap
from orchestrator.services.deps import Deps
from orchestrator.settings import Settings


@contextmanager
def opened(settings: Settings) -> Iterator[Deps]:
    """Build the parts, and close them after the block."""
    deps = bootstrap.build(settings)
    try:
        yield deps
    finally:
        deps.close()
