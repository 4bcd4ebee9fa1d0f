"""What checks use. Each part is made when a check first uses it, so that a broken part fails only those checks."""

from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.broker_address import parsed
from orchestrator.database_address import secrets_in
from orchestrator.errors import NotMigrated, Unusable
from orchestrator.process_settings import Process, broker_of, read
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.quota.gate import Quota
from orchestrator.realtimekit.records import PresetRecord, WebhookRecord
from orchestrator.runtime.ports import LOOPBACKS
from orchestrator.settings import Settings
from orchestrator.store.broker import Broker
from orchestrator.store.database import Database
from orchestrator.store.identity import Identity

UNREACHABLE_BROKER = "redis://127.0.0.1:1/0"
"""Used for the quota if there is no broker, so that RealtimeKit can be checked without one."""
MIN_SECRET_CHARACTERS = 6
"""Shorter ones are not hidden, because they occur in ordinary words and protect nothing."""
HIDDEN = "***"


class Parts:
    """Settings, database, broker and RealtimeKit; using a broken one raises what is wrong with it."""

    @cached_property
    def settings(self) -> Settings:
        """The settings. Raises Unusable."""
        return read(Process.ALL)

    @cached_property
    def database(self) -> Database:
        """The database, not connected yet. Raises Unusable for a missing file, because opening it would create it."""
        settings = self.settings
        file = settings.breakouts_home / "breakouts.db"
        if settings.database_url and settings.is_sqlite:
            file = Path(make_url(settings.database).database or "")
        if (not settings.database_url or settings.is_sqlite) and not file.exists():
            raise Unusable(f"there is no {file} yet")
        return Database(settings.database, lambda *_: None, pool_size=1)

    @cached_property
    def install(self) -> str:
        """This deployment's mark; nothing without a migrated database, which has checks of its own."""
        try:
            return Identity(self.database).install
        except (Unusable, NotMigrated, SQLAlchemyError):
            return ""

    @cached_property
    def broker(self) -> Broker:
        """The broker, not connected yet. Raises Unusable without an address."""
        return Broker(broker_of(self.settings), lambda: Identity(self.database).keys)

    @cached_property
    def info(self) -> dict[str, Any]:
        """The broker's INFO."""
        found: dict[str, Any] = self.broker.redis.info()
        return found

    @cached_property
    def realtimekit(self) -> RealtimeKit:
        """RealtimeKit; calls use the quota that all processes share."""
        settings = self.settings
        try:
            broker_of(settings)
        except Unusable:
            settings = settings.model_copy(update={"broker_url": UNREACHABLE_BROKER})
        return RealtimeKit(settings, Quota.of(settings))

    @cached_property
    def webhooks(self) -> list[WebhookRecord]:
        """The app's webhooks at RealtimeKit. Raises RealtimeKitError."""
        return self.realtimekit.run(self.realtimekit.webhooks())

    @cached_property
    def presets(self) -> dict[str, PresetRecord]:
        """The app's presets by name. Raises RealtimeKitError."""
        return {preset.name: preset for preset in self.realtimekit.run(self.realtimekit.presets())}

    def preset(self, name: str) -> PresetRecord:
        """Return a preset with its permissions, asked for once. Raises KeyError, RealtimeKitError."""
        if name not in self._read_presets:
            self._read_presets[name] = self.realtimekit.run(self.realtimekit.preset(self.presets[name].id))
        return self._read_presets[name]

    @cached_property
    def _read_presets(self) -> dict[str, PresetRecord]:
        return {}

    def without_secrets(self, text: str) -> str:
        """Hide our secrets in a text, because a library may have put one into its message."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return text

    @cached_property
    def _secrets(self) -> set[str]:
        try:
            settings = self.settings
        except Exception:
            return set()
        values = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
        parts = [part.rpartition(":")[2].strip() for value in values for part in value.split(",")]
        password = parsed(settings.broker_url).password if settings.broker_url else ""
        in_database = secrets_in(settings.database) if settings.database_url else set()
        found = {*values, *parts, password, quote(password, safe=""), *in_database}
        return {secret for secret in found if len(secret) >= MIN_SECRET_CHARACTERS}


def is_elsewhere(url: str) -> bool:
    """Whether an address is on another machine."""
    return bool(url) and parsed(url).host not in (*LOOPBACKS, "")
