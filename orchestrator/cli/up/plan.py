"""Which services `breakouts up` runs, in which order, and with which environment."""

import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestrator.broker_address import parsed
from orchestrator.errors import Unusable
from orchestrator.runtime import broker, commands
from orchestrator.runtime.home import stored_secret
from orchestrator.runtime.ports import LOOPBACK, free_port, url_of
from orchestrator.runtime.supervisor import Service
from orchestrator.settings import CREDENTIALS, Settings

START_FIRST, START_SECOND, START_LAST = range(3)
STOP_FIRST, STOP_WORKER, STOP_LAST = range(3)
"""The order of stopping: what takes requests and sends tasks, then the worker, then what they all stand on."""


@dataclass(frozen=True)
class Options:
    """The options of the command line."""

    sandbox: bool = False
    sandbox_port: int = 0


@dataclass
class Plan:
    """The services to start, their environment, and the addresses to print when all are up."""

    settings: Settings
    env: dict[str, str]
    services: list[Service] = field(default_factory=list)
    summary: dict[str, str] = field(default_factory=dict)


@contextmanager
def planned(settings: Settings, options: Options) -> Iterator[Plan]:
    """Plan everything. Raises Unusable for settings that can't work.

    Inside the block the home says where its embedded broker is, if the plan has one.
    """
    plan = Plan(settings, {"BREAKOUTS_HOME": str(settings.home)})
    _add_realtimekit(plan, options)
    _add_key(plan)
    with _broker(plan):
        _add_ours(plan)
        _add_webhook(plan)
        yield plan


def _add_realtimekit(plan: Plan, options: Options) -> None:
    if options.sandbox:
        _add_sandbox(plan, options.sandbox_port or free_port())
    elif missing := plan.settings.missing_credentials:
        raise Unusable(
            f"{', '.join(missing)} not set: RealtimeKit can't be reached without "
            "(the ids are in Cloudflare's dashboard under Realtime), or try `breakouts up --sandbox`, which needs none"
        )


def _add_sandbox(plan: Plan, port: int) -> None:
    settings = plan.settings
    root = f"http://{LOOPBACK}:{port}"
    key_url = f"{root}/.well-known/webhooks.json"
    plan.services.append(
        Service("sandbox", commands.sandbox(port), START_FIRST, STOP_LAST, ready=_answers_get(key_url))
    )
    plan.env |= {name.upper(): "sandbox" for name in CREDENTIALS}
    plan.env |= {
        "REALTIMEKIT_BASE_URL": f"{root}/client/v4",
        "REALTIMEKIT_WEBHOOK_KEYS_URL": key_url,
        "REALTIMEKIT_WEBHOOK_PUBLIC_KEY": "",
        "PUBLIC_URL": settings.public_url or url_of(settings.host, settings.port),
    }
    plan.summary["Sandbox"] = root


def _add_key(plan: Plan) -> None:
    """Make one API key for this home if API_KEYS is not set, because nobody could call the API without one."""
    if plan.settings.api_keys.get_secret_value():
        return
    path = plan.settings.home / "operator.key"
    plan.env["API_KEYS"] = f"local:operator:{stored_secret(path)}"
    plan.summary["API key"] = f"in {path} (API_KEYS is not set)"


@contextmanager
def _broker(plan: Plan) -> Iterator[None]:
    """Add the embedded broker, unless BROKER_URL names another; its address stands in the home inside the block."""
    if given := plan.settings.broker_url:
        _check_reachable(given)
        yield
        return
    embedded = broker.prepare(plan.settings.home)
    plan.services.append(Service("broker", embedded.command, START_FIRST, STOP_LAST, ready=embedded.answers))
    embedded.announce()
    try:
        yield
    finally:
        embedded.withdraw()


def _check_reachable(broker_url: str) -> None:
    address = parsed(broker_url)
    try:
        if address.socket:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(3)
                line.connect(address.socket)
        else:
            socket.create_connection((address.host, address.port), timeout=3).close()
    except OSError as error:
        raise Unusable(f"BROKER_URL does not answer at {address.where}: {error.strerror or error}") from None


def _add_ours(plan: Plan) -> None:
    settings = plan.settings
    api = url_of(settings.host, settings.port)
    flower = url_of(settings.flower_host, settings.flower_port)
    flower_ready = _answers_get(f"{flower}/healthcheck")
    plan.services += [
        Service("migrate", commands.migrate(), START_FIRST, STOP_FIRST, once=True),
        Service(
            "worker",
            commands.worker(settings),
            START_SECOND,
            STOP_WORKER,
            ready_words=_worker_ready_words(settings),
            patience_seconds=20,
        ),
        Service("timekeeper", commands.timekeeper(settings), START_SECOND, STOP_FIRST, patience_seconds=5),
        Service("api", commands.api(), START_SECOND, STOP_FIRST, ready=_answers_get(f"{api}/readyz")),
        Service("flower", commands.flower(), START_SECOND, STOP_FIRST, ready=flower_ready, patience_seconds=5),
    ]
    plan.env["FLOWER_URL"] = settings.flower_url or flower
    plan.summary |= {"API": api, "API docs": f"{api}/docs", "Flower": flower}
    if settings.console:
        plan.summary["Console"] = f"{api}/console"


def _worker_ready_words(settings: Settings) -> str:
    """Return what Celery logs when a worker takes tasks; nothing if the log level suppresses it."""
    return " ready." if settings.log_level.upper() in {"DEBUG", "INFO"} else ""


def _add_webhook(plan: Plan) -> None:
    """Register our webhook once the API answers. A failing registration does not hold up the start."""
    if plan.env.get("PUBLIC_URL") or plan.settings.public_url:
        plan.services.append(
            Service(
                "webhook",
                commands.webhooks(keep_trying=True),
                START_LAST,
                STOP_FIRST,
                once=True,
                ready_words=commands.WEBHOOK_LATER,
                patience_seconds=2,
            )
        )
    else:
        plan.summary["Webhooks"] = "none are asked for: PUBLIC_URL is not set, so comings and goings are polled"


def _answers_get(url: str) -> Callable[[], bool]:
    """Return a function that says whether a GET of `url` is answered 2xx."""

    def ask() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - an address of our own
                return bool(answer.status < 300)
        except (urllib.error.URLError, OSError):
            return False

    return ask
