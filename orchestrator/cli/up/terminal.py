"""Running everything in one terminal, with the lines of all services in it."""

from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from orchestrator.cli.up.plan import Options, Plan, planned
from orchestrator.process_settings import home_of
from orchestrator.runtime import ports
from orchestrator.runtime.home import lock_home
from orchestrator.runtime.ports import LOOPBACK
from orchestrator.runtime.supervisor import Service, Supervisor
from orchestrator.settings import Settings
from orchestrator.version import PYTHON, VERSION

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red")


async def run_until_stopped(settings: Settings, options: Options) -> None:
    """Start everything and keep it running until SIGINT, SIGTERM or SIGHUP. Raises OrchestratorError."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"breakouts {VERSION} starts on Python {PYTHON}")
    with lock_home(home_of(settings)):
        _check_ports(settings, options)
        with planned(settings, options) as plan:
            await _supervisor(plan, console).run(lambda: _print_summary(console, plan.summary))
    console.print("stopped")


def _check_ports(settings: Settings, options: Options) -> None:
    ports.check(settings.host, settings.port, host_from="HOST", port_from="PORT")
    ports.check(settings.flower_host, settings.flower_port, host_from="FLOWER_HOST", port_from="FLOWER_PORT")
    if options.sandbox:
        ports.check(LOOPBACK, options.sandbox_port, host_from="--sandbox-port", port_from="--sandbox-port")


def _supervisor(plan: Plan, console: Console) -> Supervisor:
    names = [service.name for service in plan.services]
    return Supervisor([_with_env(service, plan.env) for service in plan.services], _writer(console, names))


def _with_env(service: Service, env: dict[str, str]) -> Service:
    return Service(**{**vars(service), "env": {**env, **service.env}})


def _writer(console: Console, names: list[str]) -> Callable[[str, str], None]:
    width = max(map(len, names))
    colours = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)}

    def write(name: str, line: str) -> None:
        console.print(Text.assemble((f"{name:{width}} | ", colours[name]), Text.from_ansi(line)))

    return write


def _print_summary(console: Console, summary: dict[str, str]) -> None:
    console.print("\n[bold]Everything is up[/bold] (Ctrl-C stops it)")
    for name, value in summary.items():
        console.print(f"  {name:9} {value}", markup=False)
    console.print()
