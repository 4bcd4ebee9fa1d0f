"""The parts of a process, for a command that works beside the running system."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import InterfaceError, OperationalError

from orchestrator import bootstrap
from orchestrator.errors import DatabaseAway
from orchestrator.services.deps import Deps
from orchestrator.settings import Settings


@contextmanager
def opened(settings: Settings) -> Iterator[Deps]:
    """Build the parts, and close them after the block. Raises DatabaseAway when the database stops answering in it."""
    deps = bootstrap.build(settings)
    try:
        yield deps
    except (OperationalError, InterfaceError) as error:
        raise DatabaseAway(f"the database does not answer: {' '.join(str(error.orig).split())}") from None
    finally:
        deps.close()
