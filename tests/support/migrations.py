"""`python -m tests.support.migrations`: check that the migrations make what the models say, on both databases."""

import sys
import tempfile
from pathlib import Path

from orchestrator.store.migrate import differences
from orchestrator.store.revision import Standing, revision_of, standing
from tests.support.databases import engine_of, migrate_url
from tests.support.postgres import postgres


def complaints(url: str) -> list[str]:
    """Return what differs in an empty database once it is migrated."""
    migrate_url(url)
    engine = engine_of(url)
    try:
        found = [f"{engine.dialect.name}: {difference}" for difference in differences(engine)]
        with engine.connect() as connection:
            newest = standing(revision_of(connection)) is Standing.CURRENT
        return found if newest else [*found, f"{engine.dialect.name}: not at the newest revision"]
    finally:
        engine.dispose()


def main() -> int:
    """Print what differs. Returns 1 if anything does."""
    with tempfile.TemporaryDirectory() as folder, postgres() as server:
        found = complaints(f"sqlite:///{Path(folder) / 'check.db'}") + complaints(server.fresh())
    for complaint in found:
        sys.stderr.write(f"migrations and models differ: {complaint}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
