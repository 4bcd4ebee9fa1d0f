"""`python -m orchestrator.cli.sweep`: do the daily sweep now. It is safe beside a running system and to repeat."""

import sys
import time
from dataclasses import asdict
from typing import Annotated

import typer

from orchestrator.cli.failures import errors_as_messages
from orchestrator.cli.output import write_json, write_table
from orchestrator.cli.parts import opened
from orchestrator.errors import Refused
from orchestrator.log import configure
from orchestrator.process_settings import Process, read
from orchestrator.services.deps import Deps
from orchestrator.services.upkeep.orphans import Orphan
from orchestrator.services.upkeep.sweep import sweep_page
from orchestrator.store.revision import require_migrated

COLUMNS = ("kind", "realtimekit_id", "fate", "refusal", "breakout_id", "room_id")
UNKNOWN = "Also those with our mark that the database does not know: made after the backup that was restored."
MAX_TRIES = 5
RETRY_SECONDS = 2.0


def sweep(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, only list what would be ended.")] = False,
    unknown: Annotated[bool, typer.Option("--unknown", help=UNKNOWN)] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """End what RealtimeKit has of rooms that nobody needs any more: meetings with our mark, older than an hour.

    What people are in, what a living breakout owns and what other deployments made stays as it is.
    """
    with errors_as_messages():
        settings = read(Process.SWEEP)
        configure(settings.log_level, settings.log_json)
        with opened(settings) as deps:
            require_migrated(deps.database)
            found = _sweep_all(deps, dry_run=dry_run, unknown=unknown)
    rows = [asdict(orphan) for orphan in found]
    if json:
        write_json(rows)
    elif rows:
        write_table([COLUMNS, *([str(row[name] or "-") for name in COLUMNS] for row in rows)])
    else:
        sys.stderr.write("nothing that nobody needs\n")


def _sweep_all(deps: Deps, *, dry_run: bool, unknown: bool) -> list[Orphan]:
    """Sweep every page. Raises the RealtimeKitError of a page that is refused or fails MAX_TRIES times."""
    found, page, tries = list[Orphan](), 1, 0
    while True:
        swept = sweep_page(deps, page, dry_run=dry_run, unknown=unknown)
        found += swept.found
        if swept.error is None:
            if swept.is_last:
                return found
            page, tries = page + 1, 0
            continue
        tries += 1
        if isinstance(swept.error, Refused) or tries == MAX_TRIES:
            raise swept.error
        wait = getattr(swept.error, "retry_after", None) or RETRY_SECONDS
        sys.stderr.write(f"breakouts: {swept.error}; trying again in {wait:.0f} s\n")
        time.sleep(wait)


def main() -> None:
    """Run `breakouts sweep`."""
    typer.run(sweep)


if __name__ == "__main__":
    main()
