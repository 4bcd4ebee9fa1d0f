"""All settings, read from the environment and `.env`; a variable is the name of a field in upper case."""

import ipaddress
import os
import re
import secrets
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from orchestrator.broker_address import parsed
from orchestrator.database_address import checked, is_sqlite
from orchestrator.webhook_key import with_line_breaks

CLOUDFLARE = "https://api.cloudflare.com/client/v4"
CLOUDFLARE_WEBHOOK_KEYS = "https://api.realtime.cloudflare.com/.well-known/webhooks.json"
ENV_FILE = ".env"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
API_KEY_ENTRY = re.compile(r"[^:]+:(operator|viewer):.+")
ORIGIN = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[^/?#@\s]+")
"""What browsers send as `Origin`, also those of apps (`capacitor://localhost`), and `*` for all."""
SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://.+")
"""What Kubernetes puts into the variable `<SERVICE>_PORT` of every pod, for each service of the namespace."""
MOST_CONNECTIONS = 1000
MOST_CALLS = 10_000_000
"""The largest quota of calls in one window."""
AN_HOUR_SECONDS, A_DAY_SECONDS, A_YEAR_SECONDS = 3600, 86_400, 366 * 86_400
MOST_TRIES = 1000
MOST_DAYS = 100_000
"""For ever, as a number that a calendar can be counted back by."""
CREDENTIALS = ("realtimekit_account_id", "realtimekit_app_id", "realtimekit_api_token")


class Settings(BaseSettings):
    """The settings of all processes; an entry point reads them and passes them on, so they are never global."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE,
        env_file_encoding="utf-8-sig",  # editors on Windows begin a file with a byte order mark
        extra="ignore",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    breakouts_home: Path = Field(default=Path(".breakouts"), description="Folder of everything embedded or generated.")
    database_url: str = Field(
        default="", description="postgresql://… (as libpq takes it) or sqlite:///…; empty: SQLite under BREAKOUTS_HOME."
    )
    database_connections: int = Field(
        default=8,
        ge=1,
        le=MOST_CONNECTIONS,
        description="Connections of an API, worker or timekeeper to PostgreSQL; a worker has two more of its own.",
    )
    broker_url: str = Field(
        default="",
        description="redis://…, rediss://… (TLS) or unix://…; empty: the embedded Valkey under BREAKOUTS_HOME.",
    )

    realtimekit_base_url: str = CLOUDFLARE
    realtimekit_account_id: str = ""
    realtimekit_app_id: str = ""
    realtimekit_api_token: SecretStr = SecretStr("")
    realtimekit_webhook_public_key: str = Field(default="", description="PEM; wins over REALTIMEKIT_WEBHOOK_KEYS_URL.")
    realtimekit_webhook_keys_url: str = CLOUDFLARE_WEBHOOK_KEYS
    realtimekit_requests_per_5_minutes: int = Field(
        default=1200, ge=1, le=MOST_CALLS, description="Shared by all workers."
    )
    realtimekit_quota_window_seconds: int = Field(
        default=300, ge=1, le=A_DAY_SECONDS, description="Length of the sliding window."
    )
    realtimekit_recording_requests: int = Field(
        default=1000,
        ge=1,
        le=MOST_CALLS,
        description="Calls about recordings that RealtimeKit allows in a window of their own besides.",
    )
    realtimekit_recording_window_seconds: int = Field(
        default=50, ge=1, le=A_DAY_SECONDS, description="Length of that one."
    )
    realtimekit_concurrency: int = Field(
        default=64, ge=1, le=MOST_CONNECTIONS, description="Calls in flight, and threads, per worker process."
    )
    realtimekit_timeout_seconds: float = Field(
        default=6.0, gt=0, le=AN_HOUR_SECONDS, description="Deadline of one call."
    )

    api_keys: SecretStr = Field(default=SecretStr(""), description="Bootstrap keys: name:role:key, comma-separated.")
    secret_key: SecretStr = Field(
        default=SecretStr(""), description="Comma-separated, newest first: signs client tokens, encrypts stored ones."
    )
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    flower_host: str = "127.0.0.1"
    flower_port: int = Field(default=5555, ge=0, le=65535)
    flower_basic_auth: SecretStr = Field(default=SecretStr(""), description="user:password, comma-separated.")
    public_url: str = Field(default="", description="Where RealtimeKit reaches this API; lets webhooks be registered.")
    forwarded_allow_ips: str = Field(
        default="", description="Comma-separated addresses or networks of proxies whose X-Forwarded-For is believed."
    )
    cors_origins: str = Field(default="", description="Comma-separated origins of participants' browsers.")
    root_path: str = Field(default="", description="The sub-path under which a proxy serves the API, like /breakouts.")
    console: bool = Field(default=True, description="Whether the host's console is served, at /console.")
    flower_url: str = Field(default="", description="Where hosts' browsers reach Flower; the console links to it.")
    breakouts_api_url: str = Field(
        default="", description="The API that `breakouts open` and the like use; empty: HOST, PORT."
    )
    breakouts_api_key: SecretStr = Field(
        default=SecretStr(""), description="Its key; empty: `operator.key` under BREAKOUTS_HOME."
    )
    log_json: bool = Field(default=False, description="JSON lines instead of readable ones.")
    log_level: str = "INFO"
    heartbeat_file: str = Field(
        default="", description="Touched by each worker and timekeeper as long as it goes on; for health checks."
    )
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Where workers and timekeepers show metrics (0: nowhere), each at the next port that is free.",
    )
    ready_max_overdue_seconds: float = Field(
        default=60.0,
        gt=0,
        le=A_YEAR_SECONDS,
        description="Not ready while work waits longer than this and its queue does not move.",
    )

    lease_seconds: float = Field(
        default=12.0, gt=0, le=A_DAY_SECONDS, description="A dead worker's rows go on after this."
    )
    task_deadline_seconds: float = Field(
        default=60.0, gt=0, le=A_DAY_SECONDS, description="A lease is never renewed beyond this."
    )
    return_grace_seconds: float = Field(
        default=10.0, ge=0, le=A_DAY_SECONDS, description="Patience before kicking, and again before lost."
    )
    start_grace_seconds: float = Field(
        default=900.0,
        ge=0,
        le=A_YEAR_SECONDS,
        description="A start that is held up for longer (another breakout runs, this server is away) is given up.",
    )
    opening_deadline_seconds: float = Field(
        default=60.0, gt=0, le=A_DAY_SECONDS, description="A room still failing then, while others opened, is failed."
    )
    room_tries: int = Field(
        default=8, ge=1, le=MOST_TRIES, description="A room that failed this often, while others got on, is given up."
    )
    closing_patience_seconds: float = Field(
        default=600.0,
        ge=0,
        le=A_YEAR_SECONDS,
        description="How long a room that can't be closed is tried again, if RealtimeKit answers.",
    )
    prepare_ahead_seconds: float = Field(
        default=300.0,
        ge=0,
        le=A_YEAR_SECONDS,
        description="Rooms of a scheduled breakout are made this long before it, or longer where the quota wants it.",
    )
    solver_seconds: float = Field(
        default=5.0, gt=0, le=30, description="How long groups that keep the rules of a plan are looked for, at most."
    )
    look_again_seconds: float = Field(
        default=10.0,
        gt=0,
        le=A_DAY_SECONDS,
        description="How often an opening or closing is looked at; up to six times less often when it takes long.",
    )
    search_settle_seconds: float = Field(
        default=3.0,
        ge=0,
        le=AN_HOUR_SECONDS,
        description="RealtimeKit may show what was made this much later (its delay is undocumented).",
    )
    sync_seconds: float = Field(
        default=10.0,
        gt=0,
        le=A_DAY_SECONDS,
        description="Polling interval while no webhooks arrive; six times as long while they do.",
    )
    sweep_seconds: float = Field(
        default=86400.0,
        gt=0,
        le=A_YEAR_SECONDS,
        description="How often meetings at RealtimeKit that nobody needs any more are retired.",
    )
    retention_days: float | None = Field(
        default=None,
        ge=0,
        le=MOST_DAYS,
        description="Breakouts that ended longer ago lose the names of their people; empty: never.",
    )
    token_margin_seconds: float = Field(
        default=3600.0,
        ge=0,
        le=A_YEAR_SECONDS,
        description="RealtimeKit tokens are renewed this long before they end, or a quarter of their life if less.",
    )
    webhook_allow_private: bool = Field(
        default=False,
        description="Whether our webhooks may go to private and loopback addresses; never to link-local ones.",
    )
    session_keep_alive_seconds: int = Field(default=600, ge=60, le=600)

    @model_validator(mode="before")
    @classmethod
    def _as_platforms_give_it(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Take blanks and line breaks from both ends of every value, and leave out what is empty then.

        Files and secret stores end a value with a line break, and templates set what is not wanted to nothing.
        """
        plain = {name: value.strip() if isinstance(value, str) else value for name, value in given.items()}
        return {name: value for name, value in plain.items() if value != "" and not _is_service_link(name, value)}

    @field_validator("breakouts_home")
    @classmethod
    def _of_a_folder(cls, value: Path) -> Path:
        there = next(path for path in (value, *value.absolute().parents) if path.exists())
        if not there.is_dir():
            raise ValueError(f"must be a folder, but {there} is none")
        return value

    @field_validator("database_url")
    @classmethod
    def _of_a_database(cls, value: str) -> str:
        if value:
            checked(value)
        return value

    @field_validator("broker_url")
    @classmethod
    def _of_a_broker(cls, value: str) -> str:
        if value:
            parsed(value)
        return value

    @field_validator("realtimekit_webhook_public_key")
    @classmethod
    def _of_a_key(cls, value: str) -> str:
        return with_line_breaks(value) if value else value

    @field_validator("secret_key")
    @classmethod
    def _of_secrets(cls, value: SecretStr) -> SecretStr:
        if value and not _parts(value.get_secret_value()):
            raise ValueError("has no secret between its commas")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _of_origins(cls, value: str) -> str:
        origins = [origin.lower().removesuffix("/") for origin in _parts(value)]  # as browsers send them
        if not all(map(ORIGIN.fullmatch, origins)):
            raise ValueError("must be https://HOST (several: comma-separated), without a path, or *")
        return ",".join(origins)

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _of_proxies(cls, value: str) -> str:
        if value != "*" and not all(map(_is_network, _parts(value))):
            raise ValueError("must be addresses or networks like 10.0.0.0/8 (several: comma-separated), or *")
        return value

    @field_validator("flower_basic_auth")
    @classmethod
    def _with_a_password(cls, value: SecretStr) -> SecretStr:
        given = value.get_secret_value()
        if given and not all(0 < part.find(":") < len(part) - 1 for part in given.split(",")):
            raise ValueError("must be user:password (several: comma-separated)")
        return value

    @field_validator("api_keys")
    @classmethod
    def _with_names_and_roles(cls, value: SecretStr) -> SecretStr:
        entries = [entry for entry in value.get_secret_value().split(",") if entry.strip()]
        if not all(API_KEY_ENTRY.fullmatch(entry.strip()) for entry in entries):
            raise ValueError("must be name:role:key (several: comma-separated), where role is operator or viewer")
        keys = [entry.strip().split(":", 2)[2] for entry in entries]
        if len(set(keys)) < len(keys):
            raise ValueError("has one key twice")
        return value

    @field_validator("realtimekit_account_id", "realtimekit_app_id", "realtimekit_api_token")
    @classmethod
    def _of_one_word(cls, value: str | SecretStr) -> str | SecretStr:
        given = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not (given.isascii() and given.isprintable()) or " " in given:
            raise ValueError("has a blank, a line break or a character outside ASCII, which no id or token has")
        return value

    @field_validator(
        "realtimekit_base_url", "realtimekit_webhook_keys_url", "public_url", "flower_url", "breakouts_api_url"
    )
    @classmethod
    def _of_a_server(cls, value: str) -> str:
        if value and not _is_http(value):
            raise ValueError("must be http://HOST… or https://HOST…")
        return value.rstrip("/")

    @field_validator("root_path")
    @classmethod
    def _of_a_path(cls, value: str) -> str:
        path = value.strip("/")
        if not re.fullmatch(r"[A-Za-z0-9._~/-]*", path) or "//" in path:
            raise ValueError("must be a path like /breakouts")
        return f"/{path}" if path else ""

    @field_validator("log_level")
    @classmethod
    def _of_a_logger(cls, value: str) -> str:
        if value.upper() not in LOG_LEVELS:
            raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
        return value.upper()

    @property
    def missing_credentials(self) -> list[str]:
        """The variables of RealtimeKit's credentials that are not set."""
        token = self.realtimekit_api_token.get_secret_value()
        values = (self.realtimekit_account_id, self.realtimekit_app_id, token)
        return [name.upper() for name, value in zip(CREDENTIALS, values, strict=True) if not value]

    @property
    def home(self) -> Path:
        """BREAKOUTS_HOME as an absolute path, created if missing. Raises OSError if it can't be."""
        self.breakouts_home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self.breakouts_home.resolve()

    @cached_property
    def database(self) -> str:
        """DATABASE_URL as its driver takes it, or the home's own SQLite."""
        return checked(self.database_url) if self.database_url else f"sqlite:///{self.home / 'breakouts.db'}"

    @cached_property
    def broker(self) -> str:
        """BROKER_URL, or the address of the home's embedded broker. Raises RuntimeError if there is neither."""
        if self.broker_url:
            return self.broker_url
        address = self.breakouts_home / "broker.url"
        if not address.exists():
            raise RuntimeError("no broker: set BROKER_URL (redis://…), or start `breakouts up`, which embeds one")
        return address.read_text().strip()

    @cached_property
    def secrets(self) -> list[str]:
        """The secrets of SECRET_KEY, newest first; one is stored under BREAKOUTS_HOME if it is not set."""
        return _parts(self.secret_key.get_secret_value()) or [_stored_secret(self.home / "secret.key")]

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is SQLite."""
        return is_sqlite(self.database)


def _parts(text: str) -> list[str]:
    """Return what stands between the commas, without blanks."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _is_service_link(name: str, value: Any) -> bool:
    return name.endswith("_port") and isinstance(value, str) and bool(SERVICE_LINK.fullmatch(value))


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an invalid port
        return False


def _stored_secret(path: Path) -> str:
    """Read the secret in `path`, which is made if missing; of two processes that make it, the first link wins."""
    if not path.exists():
        draft = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_text(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
