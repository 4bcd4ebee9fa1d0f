"""`python -m orchestrator.cli.keys`: API keys in the database, which is all but those of API_KEYS."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from sqlalchemy.exc import DBAPIError

from orchestrator.cli.database_advice import advice_for, words_of
from orchestrator.cli.failures import errors_as_messages
from orchestrator.cli.output import write_json, write_table
from orchestrator.database_address import shown
from orchestrator.errors import Unusable
from orchestrator.process_settings import Process, read
from orchestrator.services.access import api_keys
from orchestrator.store.database import Database
from schemas.states import KeyRole
from schemas.tables import ApiKey

COLUMNS = ("id", "name", "role", "tenant", "created_at", "expires_at", "revoked_at", "last_used_at")

TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
"""The forms of a time; the last one takes `Z` too."""

app = typer.Typer(
    name="breakouts keys",
    help="API keys in the database: made, listed, revoked while the API runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What to call it; unique among the keys that are not revoked.")],
    role: Annotated[KeyRole, typer.Option(help="operator: everything; viewer: may only look (GET).")],
    tenant: Annotated[
        str | None, typer.Option(help="Sees and makes only this tenant's meetings; without, it sees all.")
    ] = None,
    expires: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME", formats=TIMES, help="When it ends by itself, in UTC: 2027-01-31 or 2027-01-31T18:00."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, now and never again; it is good at once."""
    expires_at = expires and (expires if expires.tzinfo else expires.replace(tzinfo=UTC))
    with _database() as database:
        row, key = api_keys.create(database, name, role, tenant=tenant, expires_at=expires_at)
        try:
            _show(row, key, as_json=as_json)
        except OSError:  # nobody has seen it
            api_keys.revoke(database, row.id)
            raise


@app.command("list")
def index(as_json: AsJson = False) -> None:
    """All keys that were made here, revoked ones too; the keys themselves are stored nowhere."""
    with _database() as database:
        rows = [_fields(row) for row in api_keys.index(database)]
    if as_json:
        write_json(rows)
    else:
        write_table([COLUMNS, *([str(row[name] or "-") for name in COLUMNS] for row in rows)])


@app.command()
def revoke(
    name_or_id: Annotated[str, typer.Argument(metavar="NAME_OR_ID", help="As `list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """End a key for good; every API process refuses it within a second, and ends its streams soon after."""
    with _database() as database:
        row = api_keys.revoke(database, name_or_id)
    if as_json:
        write_json(_fields(row))
    else:
        sys.stdout.write(f"revoked {row.name} ({row.id})\n")


def _show(row: ApiKey, key: str, *, as_json: bool) -> None:
    """Write a new key. Raises OSError if that can't be done."""
    if as_json:
        write_json(_fields(row) | {"key": key})
    else:
        sys.stderr.write(f"{row.role} key {row.name} ({row.id}); only its hash is stored, so keep it:\n")
        sys.stdout.write(f"{key}\n")
    sys.stdout.flush()


@contextmanager
def _database() -> Iterator[Database]:
    """Open only the database, because keys are made before anything else runs. Raises Unusable without it."""
    address = read(Process.KEYS).database
    database = Database(address, lambda *_: None, pool_size=1)
    try:
        yield database
    except DBAPIError as error:
        raise Unusable(f"DATABASE_URL, {shown(address)}: {words_of(error)}; {advice_for(error)}") from None
    finally:
        database.close()


def _fields(row: ApiKey) -> dict[str, Any]:
    fields: dict[str, Any] = {name: getattr(row, name) for name in COLUMNS}
    return {name: _time(it) if isinstance(it, datetime) else it for name, it in fields.items()}


def _time(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


def main() -> None:
    """Run `breakouts keys`."""
    with errors_as_messages():
        app(prog_name="breakouts keys")


if __name__ == "__main__":
    main()
