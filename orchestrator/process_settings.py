"""Reading the settings of one process. What is wrong with the settings of others does not keep it from starting."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from dotenv.parser import Binding, parse_stream
from pydantic import ValidationError

from orchestrator.errors import Unusable
from orchestrator.settings import CLOUDFLARE, ENV_FILE, Settings


class Process(StrEnum):
    """What reads settings; ALL is a command that starts or checks all the others."""

    API = "api"
    WORKER = "worker"
    TIMEKEEPER = "timekeeper"
    FLOWER = "flower"
    MIGRATE = "migrate"
    KEYS = "keys"
    WEBHOOKS = "webhooks"
    PRESETS = "presets"
    SWEEP = "sweep"
    DAILY = "daily"
    ALL = "all"


ENGINE = frozenset({Process.API, Process.WORKER, Process.TIMEKEEPER, Process.WEBHOOKS, Process.PRESETS, Process.SWEEP})
"""Processes that build all parts: they read every setting that USERS does not name."""
BROKER_USERS = ENGINE | {Process.FLOWER}
SECRET_USERS = frozenset({Process.API, Process.WORKER})
"""Processes that encrypt and sign."""
API_SETTINGS = (
    *("api_keys", "cors_origins", "root_path", "forwarded_allow_ips"),
    *("console", "flower_url", "ready_max_overdue_seconds"),
    *("realtimekit_webhook_public_key", "realtimekit_webhook_keys_url"),
)
USERS: dict[str, Iterable[Process]] = {
    **dict.fromkeys(("breakouts_home", "log_json", "log_level"), Process),
    "database_url": set(Process) - {Process.DAILY},
    "broker_url": BROKER_USERS,
    "secret_key": BROKER_USERS,
    "heartbeat_file": BROKER_USERS,
    "public_url": (Process.WEBHOOKS, Process.API),
    "webhook_allow_private": (Process.API, Process.WORKER),
    **dict.fromkeys(("host", "port"), (Process.API, Process.DAILY)),
    **dict.fromkeys(API_SETTINGS, (Process.API,)),
    **dict.fromkeys(("flower_host", "flower_port", "flower_basic_auth"), (Process.FLOWER,)),
    **dict.fromkeys(("metrics_host", "metrics_port"), (Process.WORKER, Process.TIMEKEEPER)),
    **dict.fromkeys(("breakouts_api_url", "breakouts_api_key"), (Process.DAILY,)),
}
"""Which processes use a setting, for those that not just ENGINE uses."""


def read(process: Process) -> Settings:
    """Read the settings of one process. Raises Unusable, which names every variable of its own that is wrong."""
    _check_file(Path(ENV_FILE))
    try:
        found = Settings()
    except ValidationError as error:
        wrong = {str(item["loc"][0]): _sentence(str(item["loc"][0]), item["msg"]) for item in error.errors()}
        if ours := [sentence for name, sentence in wrong.items() if uses(process, name)]:
            raise Unusable("; ".join(ours)) from None
        found = Settings(**{name: Settings.model_fields[name].default for name in wrong})
    if process in {*SECRET_USERS, Process.ALL}:
        _need_secret(found)
    if process in BROKER_USERS:
        broker_of(found)
    if _uses_home(process, found):
        home_of(found)
    return found


def uses(process: Process, name: str) -> bool:
    """Whether a process uses a setting."""
    return process is Process.ALL or process in USERS.get(name, ENGINE)


def broker_of(settings: Settings) -> str:
    """Return the broker's address. Raises Unusable if there is none."""
    try:
        return settings.broker
    except RuntimeError as error:
        raise Unusable(str(error)) from None


def home_of(settings: Settings) -> Path:
    """Return the home, created if missing. Raises Unusable if it can't be."""
    try:
        return settings.home
    except OSError as error:
        raise Unusable(f"BREAKOUTS_HOME: can't make {settings.breakouts_home}: {error.strerror}") from None


def _uses_home(process: Process, found: Settings) -> bool:
    """Whether a process keeps anything in the home. Of ALL only some do, which ask for it themselves."""
    needs_database = uses(process, "database_url") and not found.database_url
    needs_secret = uses(process, "secret_key") and not found.secret_key
    return process is Process.FLOWER or (process is not Process.ALL and (needs_database or needs_secret))


def _check_file(path: Path) -> None:
    """Raise Unusable for a file with a line that sets nothing, because its variable would silently have its default."""
    if not path.is_file():
        return
    try:
        with path.open(encoding="utf-8-sig") as file:
            broken = [str(_line_of(binding)) for binding in parse_stream(file) if binding.error]
    except UnicodeDecodeError:
        raise Unusable(f"{path} can't be read: it is no UTF-8 text") from None
    except OSError as error:
        raise Unusable(f"{path} can't be read: {error.strerror}") from None
    if broken:
        raise Unusable(
            f"{path} can't be read: line {', '.join(broken)} must be NAME=value, and a quote must be closed at its end"
        )


def _line_of(binding: Binding) -> int:
    """Return the number of the line that a binding is on; the blank lines before it are part of it."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _need_secret(settings: Settings) -> None:
    real = settings.realtimekit_base_url.startswith(CLOUDFLARE) and settings.realtimekit_api_token.get_secret_value()
    if real and not settings.secret_key.get_secret_value():
        raise Unusable("SECRET_KEY is required when REALTIMEKIT_BASE_URL is Cloudflare's")


def _sentence(name: str, message: str) -> str:
    return f"{name.upper()}: {message.removeprefix('Value error, ')}"
