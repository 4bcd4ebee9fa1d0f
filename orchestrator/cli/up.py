"""`breakouts up`: what it starts, in which order, and what it tells."""

import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

from orchestrator.cli.failures import Unusable
from orchestrator.runtime import broker, commands
from orchestrator.runtime.home import once_secret, only_one
from orchestrator.runtime.ports import LOOPBACK, free_port, is_free
from orchestrator.runtime.supervisor import Service, Supervisor
from orchestrator.settings import Settings

CREDENTIALS = ("realtimekit_account_id", "realtimekit_app_id", "realtimekit_api_token")
FIRST, THEN, LAST = range(3)  # starting
DOORS, WORK, GROUND = range(3)  # stopping: no new requests, then no new work, then what both stand on
COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red")
EVERYWHERE = {"0.0.0.0": LOOPBACK, "::": "::1", "": LOOPBACK}  # noqa: S104 - what to call for who listens everywhere


@dataclass(frozen=True)
class Options:
    """What the command line may choose."""

    sandbox: bool = False
    sandbox_port: int = 0


@dataclass
class Plan:
    """What is started, the environment it gets, and what the user is told once it runs."""

    settings: Settings
    env: dict[str, str]
    services: list[Service] = field(default_factory=list)
    told: dict[str, str] = field(default_factory=dict)


async def up_until_told(settings: Settings, options: Options) -> None:
    """Start all of it and keep it running until SIGINT, SIGTERM or SIGHUP; OrchestratorError when it can't start."""
    console = Console(highlight=False, soft_wrap=True)
    with only_one(settings.home):
        plan = Plan(settings, {"BREAKOUTS_HOME": str(settings.home)})
        _check_ports(settings)
        _plan_realtimekit(plan, options)
        _plan_key(plan)
        with _broker(plan):
            _plan_ours(plan)
            _plan_webhook(plan)
            names = [service.name for service in plan.services]
            supervisor = Supervisor(
                [_with_env(service, plan.env) for service in plan.services], _writer(console, names)
            )
            await supervisor.run(lambda: _tell(console, plan.told))
    console.print("stopped")


def _check_ports(settings: Settings) -> None:
    for variable, host, port in (
        ("PORT", settings.host, settings.port),
        ("FLOWER_PORT", settings.flower_host, settings.flower_port),
    ):
        try:
            free = is_free(host, port)
        except OSError as error:
            raise Unusable(f"{variable}: can't listen on {host}:{port}: {error.strerror}") from None
        if not free:
            raise Unusable(f"port {port} of {host} is in use: set {variable} to another")


def _plan_realtimekit(plan: Plan, options: Options) -> None:
    settings = plan.settings
    if options.sandbox:
        port = options.sandbox_port or free_port()
        root = f"http://{LOOPBACK}:{port}"
        key_url = f"{root}/.well-known/webhooks.json"
        plan.services.append(Service("sandbox", commands.sandbox(port), FIRST, GROUND, ready=answers(key_url)))
        plan.env |= {name.upper(): "sandbox" for name in CREDENTIALS}
        plan.env |= {
            "REALTIMEKIT_BASE_URL": f"{root}/client/v4",
            "REALTIMEKIT_WEBHOOK_KEYS_URL": key_url,
            "REALTIMEKIT_WEBHOOK_PUBLIC_KEY": "",
            "PUBLIC_URL": settings.public_url or address(settings.host, settings.port),
        }
        plan.told["Sandbox"] = root
        return
    missing = [name.upper() for name in CREDENTIALS if not _plain(getattr(settings, name))]
    if missing:
        raise Unusable(
            f"{', '.join(missing)} not set: RealtimeKit can't be reached without "
            "(the ids are in Cloudflare's dashboard under Realtime), or try `breakouts up --sandbox`, which needs none"
        )


def _plan_key(plan: Plan) -> None:
    """Without API_KEYS nobody could call the API: make one key for this home, once."""
    if plan.settings.api_keys.get_secret_value():
        return
    path = plan.settings.home / "operator.key"
    plan.env["API_KEYS"] = f"local:operator:{once_secret(path)}"
    plan.told["API key"] = f"in {path} (API_KEYS is not set)"


@contextmanager
def _broker(plan: Plan) -> Iterator[None]:
    """The embedded broker, unless BROKER_URL names another; its address lies in the home meanwhile."""
    if given := plan.settings.broker_url:
        _check_reachable(given)
        yield
        return
    embedded = broker.prepare(plan.settings.home)
    plan.services.append(Service("broker", embedded.command, FIRST, GROUND, ready=embedded.answers))
    embedded.announce()
    try:
        yield
    finally:
        embedded.withdraw()


def _check_reachable(broker_url: str) -> None:
    parts = urlsplit(broker_url)
    where = (parts.hostname or "localhost", parts.port or 6379)
    try:
        socket.create_connection(where, timeout=3).close()
    except OSError as error:
        raise Unusable(f"BROKER_URL does not answer at {where[0]}:{where[1]}: {error.strerror or error}") from None


def _plan_ours(plan: Plan) -> None:
    settings = plan.settings
    api = address(settings.host, settings.port)
    flower = address(settings.flower_host, settings.flower_port)
    plan.services += [
        Service("migrate", commands.migrate(), FIRST, DOORS, once=True),
        Service(
            "worker", commands.worker(settings), THEN, WORK, ready_words=_worker_says(settings), patience_seconds=20
        ),
        Service("timekeeper", commands.timekeeper(settings), THEN, DOORS, patience_seconds=5),
        Service("api", commands.api(), THEN, DOORS, ready=answers(f"{api}/readyz")),
        Service("flower", commands.flower(), THEN, DOORS, ready=answers(f"{flower}/healthcheck"), patience_seconds=5),
    ]
    plan.told |= {"API": api, "API docs": f"{api}/docs", "Flower": flower}


def _plan_webhook(plan: Plan) -> None:
    """RealtimeKit is told once the API answers; that it does not take the webhook keeps nobody from starting."""
    if plan.env.get("PUBLIC_URL") or plan.settings.public_url:
        command = commands.webhooks(keep_trying=True)
        plan.services.append(
            Service("webhook", command, LAST, DOORS, once=True, ready_words=commands.WEBHOOK_LATER, patience_seconds=2)
        )
    else:
        plan.told["Webhooks"] = "none are asked for: PUBLIC_URL is not set, so comings and goings are polled"


def _worker_says(settings: Settings) -> str:
    """Celery's own words for a worker that takes tasks, where the level lets them through."""
    return " ready." if settings.log_level.upper() in {"DEBUG", "INFO"} else ""


def _with_env(service: Service, env: dict[str, str]) -> Service:
    return Service(**{**vars(service), "env": {**env, **service.env}})


def answers(url: str) -> Callable[[], bool]:
    """Whether a GET of `url` is answered 2xx."""

    def ask() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - an address of our own
                return bool(answer.status < 300)
        except (urllib.error.URLError, OSError):
            return False

    return ask


def address(host: str, port: int) -> str:
    """Where to call what listens on `host` and `port`."""
    called = EVERYWHERE.get(host, host)
    return f"http://[{called}]:{port}" if ":" in called else f"http://{called}:{port}"


def _writer(console: Console, names: list[str]) -> Callable[[str, str], None]:
    width = max(map(len, names))
    colours = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)}

    def write(name: str, line: str) -> None:
        console.print(Text.assemble((f"{name:{width}} | ", colours[name]), Text.from_ansi(line)))

    return write


def _tell(console: Console, told: dict[str, str]) -> None:
    console.print("\n[bold]Everything is up[/bold] (Ctrl-C stops it)")
    for name, value in told.items():
        console.print(f"  {name:9} {value}", markup=False)
    console.print()


def _plain(value: object) -> str:
    reveal = getattr(value, "get_secret_value", None)
    return str(reveal() if reveal else value)
