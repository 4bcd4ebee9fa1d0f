"""Presets and webhooks of an app."""

from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from typing import Any

from orchestrator.errors import NotFound
from orchestrator.realtimekit.answers import list_at, object_at
from orchestrator.realtimekit.connection import Connection
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import PresetRecord, WebhookRecord


class AppClient(Connection):
    """Presets, with which people are admitted, and webhooks, to which RealtimeKit sends events."""

    seen_presets: frozenset[str] = frozenset()
    """The names of the presets that existed when this process last asked."""

    async def presets(self, *, priority: Priority = Priority.POLLING) -> list[PresetRecord]:
        """Return all presets, without their permissions."""
        found = await self._all(
            "presets",
            priority,
            lambda page: lambda kit: kit.presets.get(**self._app, **page),
        )
        return [PresetRecord.read(item) for item in found]

    async def preset(self, preset_id: str, *, priority: Priority = Priority.POLLING) -> PresetRecord:
        """Return one preset with its permissions."""
        body = await self._call(
            "preset",
            priority,
            lambda kit: kit.presets.get_preset_by_id(preset_id, **self._app),
            preset_id,
        )
        return PresetRecord.read(object_at(body, "data"))

    async def preset_names(self, *, priority: Priority = Priority.POLLING) -> set[str]:
        """Return the names of all presets."""
        return {preset.name for preset in await self.presets(priority=priority) if preset.name}

    async def missing_presets(self, names: Set[str], *, priority: Priority = Priority.POLLING) -> Set[str]:
        """Return which of these presets do not exist. Nothing is asked when all of them have been seen before."""
        if names - self.seen_presets:
            self.seen_presets = frozenset(await self.preset_names(priority=priority))
        return names - self.seen_presets

    async def create_preset(
        self, name: str, content: Mapping[str, Any], *, priority: Priority = Priority.POLLING
    ) -> PresetRecord:
        """Make a preset of `config`, `permissions` and `ui`. Raises Conflict when the name is in use."""
        body = await self._call(
            "create_preset",
            priority,
            lambda kit: kit.presets.create(**self._app, name=name, **content),
            name,
        )
        return PresetRecord.read(object_at(body, "data"))

    async def webhooks(self, *, priority: Priority = Priority.POLLING) -> list[WebhookRecord]:
        """Return the app's webhooks, which RealtimeKit does not page."""
        body = await self._call("webhooks", priority, lambda kit: kit.webhooks.get_webhooks(**self._app))
        return [WebhookRecord.read(item) for item in list_at(body, "data")]

    async def create_webhook(
        self, name: str, url: str, events: Sequence[str], *, priority: Priority = Priority.POLLING
    ) -> WebhookRecord:
        """Make RealtimeKit send `events` to `url`."""
        fields: dict[str, Any] = {"name": name, "url": url, "events": list(events)}
        body = await self._call(
            "create_webhook",
            priority,
            lambda kit: kit.webhooks.create_webhook(**self._app, **fields),
            name,
        )
        return WebhookRecord.read(object_at(body, "data"))

    async def update_webhook(
        self, webhook_id: str, *, url: str, events: Sequence[str], priority: Priority = Priority.POLLING
    ) -> None:
        """Change the URL and the events of a webhook, and enable it."""
        fields: dict[str, Any] = {"url": url, "events": list(events), "enabled": True}
        await self._call(
            "update_webhook",
            priority,
            lambda kit: kit.webhooks.edit_webhook(webhook_id, **self._app, **fields),
            webhook_id,
        )

    async def delete_webhook(self, webhook_id: str, *, priority: Priority = Priority.POLLING) -> None:
        """Delete a webhook. One that is gone already counts as deleted."""
        with suppress(NotFound):
            await self._call(
                "delete_webhook",
                priority,
                lambda kit: kit.webhooks.delete_webhook(webhook_id, **self._app),
                webhook_id,
            )
