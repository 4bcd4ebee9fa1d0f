"""The commands. What takes long to import is another command, by which this process replaces itself."""

import asyncio
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from orchestrator.cli.daily.summaries import SUMMARIES
from orchestrator.cli.failures import errors_as_messages
from orchestrator.cli.up.plan import Options
from orchestrator.cli.up.terminal import run_until_stopped
from orchestrator.errors import Unusable
from orchestrator.process_settings import Process, read
from orchestrator.runtime import commands
from orchestrator.version import VERSION

FORWARD_ARGUMENTS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

app = typer.Typer(
    name="breakouts",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

webhooks = typer.Typer(help="What RealtimeKit tells us.", no_args_is_help=True)
app.add_typer(webhooks, name="webhooks")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"breakouts {VERSION}")
        raise typer.Exit


@app.callback()
def breakouts(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and end.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Breakout rooms of Cloudflare RealtimeKit meetings: opened, recorded, and everyone brought home."""


@app.command()
def up(
    sandbox: Annotated[bool, typer.Option(help="Also start the sandbox and use it instead of RealtimeKit.")] = False,
    sandbox_port: Annotated[int, typer.Option(min=0, max=65535, help="The sandbox's port; 0: a free one.")] = 0,
) -> None:
    """Everything in one terminal: broker, migrations, API, worker, timekeeper, Flower.

    Valkey and SQLite under BREAKOUTS_HOME, unless BROKER_URL and DATABASE_URL name others. Ctrl-C stops all of it.
    """
    asyncio.run(run_until_stopped(read(Process.ALL), Options(sandbox=sandbox, sandbox_port=sandbox_port)))


@app.command(help="The HTTP API, on HOST and PORT.")
def api() -> None:
    """Serve the HTTP API."""
    commands.replace(commands.api())


@app.command(help="A Celery worker that opens, records and closes rooms; run as many as you like.")
def worker(
    queues: Annotated[str, typer.Option(help="Comma-separated; default: all.")] = "",
    concurrency: Annotated[int | None, typer.Option(min=1, help="Threads; default: REALTIMEKIT_CONCURRENCY.")] = None,
    name: Annotated[str | None, typer.Option(help="Node name in Flower; default: a unique one.")] = None,
) -> None:
    """Run a Celery worker."""
    settings = read(Process.WORKER)
    chosen = [queue.strip() for queue in queues.split(",") if queue.strip()]
    unknown = sorted(set(chosen) - set(commands.QUEUES))
    if unknown:
        raise typer.BadParameter(f"no queue {', '.join(unknown)}; there are {', '.join(commands.QUEUES)}")
    commands.replace(commands.worker(settings, queues=chosen, concurrency=concurrency, name=name))


@app.command()
def timekeeper() -> None:
    """Celery beat with our scheduler: sends what is due when it is due; any number may run."""
    commands.replace(commands.timekeeper(read(Process.TIMEKEEPER)))


@app.command()
def flower() -> None:
    """Flower, on FLOWER_PORT: tasks and workers, live."""
    read(Process.FLOWER)
    commands.replace(commands.flower())


@app.command(
    context_settings=FORWARD_ARGUMENTS,
    help="A RealtimeKit for this machine; `breakouts sandbox --help` lists its options.",
)
def sandbox(context: typer.Context) -> None:
    """Run the sandbox."""
    commands.replace([*commands.SANDBOX, *context.args])


@app.command(context_settings=FORWARD_ARGUMENTS)
def demo(context: typer.Context) -> None:
    """Watch it all on this machine: people go to recorded rooms and come home; `breakouts demo --help` has options."""
    commands.replace([*commands.DEMO, *context.args])


@app.command(context_settings=FORWARD_ARGUMENTS)
def doctor(context: typer.Context) -> None:
    """Check everything that a deployment stands on, and say what to do about it."""
    commands.replace([*commands.DOCTOR, *context.args])


@app.command(
    context_settings=FORWARD_ARGUMENTS,
    help="API keys in the database: create, list, revoke; `breakouts keys --help` says how.",
)
def keys(context: typer.Context) -> None:
    """Manage API keys."""
    commands.replace([*commands.KEYS, *context.args])


@app.command(
    context_settings=FORWARD_ARGUMENTS,
    help="Presets at RealtimeKit that fit breakouts; `breakouts presets --help` says how.",
)
def presets(context: typer.Context) -> None:
    """Make presets at RealtimeKit."""
    commands.replace([*commands.PRESETS, *context.args])


@app.command(context_settings=FORWARD_ARGUMENTS)
def sweep(context: typer.Context) -> None:
    """End meetings and recordings at RealtimeKit that nobody needs any more; `--dry-run` only lists them."""
    commands.replace([*commands.SWEEP, *context.args])


@webhooks.command()
def ensure(
    *,
    keep_trying: Annotated[bool, typer.Option(help="Until RealtimeKit takes it, with growing pauses.")] = False,
    only: Annotated[bool, typer.Option("--only", help=commands.ONLY_HELP)] = False,
) -> None:
    """Have RealtimeKit send its webhooks to PUBLIC_URL, once; `up` does this too. Other deployments' webhooks stay."""
    settings = read(Process.WEBHOOKS)
    if not settings.public_url:
        raise Unusable("PUBLIC_URL is not set: RealtimeKit can't know where to call")
    commands.replace(commands.webhooks(keep_trying=keep_trying, only=only))


@app.command()
def migrate() -> None:
    """Bring the database (DATABASE_URL) to the newest schema."""
    commands.replace(commands.migrate())


def _forward_daily(word: str) -> Callable[[typer.Context], None]:
    """Return the command of a daily word, which takes long to import."""

    def run(context: typer.Context) -> None:
        commands.replace([*commands.DAILY, word, *context.args])

    return run


for daily, (heading, summary) in SUMMARIES.items():
    app.command(daily, help=summary, rich_help_panel=heading, context_settings=FORWARD_ARGUMENTS)(_forward_daily(daily))


def main() -> None:
    """Run `breakouts`."""
    with errors_as_messages():
        app(prog_name="breakouts", args=sys.argv[1:])
