"""What an app of RealtimeKit has beside its meetings: presets and webhooks."""

from collections.abc import Sequence
from typing import Any

from orchestrator.realtimekit.answers import listing, mapping
from orchestrator.realtimekit.connection import Connection
from orchestrator.realtimekit.paging import PER_PAGE
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import PresetRecord, WebhookRecord


class AppClient(Connection):
    """Presets that people can be admitted with, and where RealtimeKit tells what happens."""

    async def presets(self, *, priority: Priority = Priority.POLLING) -> list[PresetRecord]:
        """The presets that people can be admitted with."""
        found = await self._all(
            "presets",
            priority,
            lambda page: lambda kit: kit.presets.with_raw_response.get(**self._app, page_no=page, per_page=PER_PAGE),
        )
        return [PresetRecord.read(item) for item in found]

    async def preset(self, preset_id: str, *, priority: Priority = Priority.POLLING) -> PresetRecord:
        """One preset, with what it permits."""
        answer = await self._call(
            "preset",
            priority,
            lambda kit: kit.presets.with_raw_response.get_preset_by_id(preset_id, **self._app),
            preset_id,
        )
        return PresetRecord.read(mapping(answer, "data"))

    async def preset_names(self, *, priority: Priority = Priority.POLLING) -> set[str]:
        """How the presets are called."""
        return {preset.name for preset in await self.presets(priority=priority) if preset.name}

    async def webhooks(self, *, priority: Priority = Priority.POLLING) -> list[WebhookRecord]:
        """The app's webhooks; RealtimeKit does not page these."""
        answer = await self._call(
            "webhooks", priority, lambda kit: kit.webhooks.with_raw_response.get_webhooks(**self._app)
        )
        return [WebhookRecord.read(item) for item in listing(answer, "data")]

    async def create_webhook(
        self, name: str, url: str, events: Sequence[str], *, priority: Priority = Priority.POLLING
    ) -> WebhookRecord:
        """Have RealtimeKit tell `url` of `events`."""
        fields: dict[str, Any] = {"name": name, "url": url, "events": list(events)}
        answer = await self._call(
            "create_webhook",
            priority,
            lambda kit: kit.webhooks.with_raw_response.create_webhook(**self._app, **fields),
            name,
        )
        return WebhookRecord.read(mapping(answer, "data"))

    async def update_webhook(
        self, webhook_id: str, *, url: str, events: Sequence[str], priority: Priority = Priority.POLLING
    ) -> None:
        """Point a webhook elsewhere and switch it on."""
        fields: dict[str, Any] = {"url": url, "events": list(events), "enabled": True}
        await self._call(
            "update_webhook",
            priority,
            lambda kit: kit.webhooks.with_raw_response.edit_webhook(webhook_id, **self._app, **fields),
            webhook_id,
        )
