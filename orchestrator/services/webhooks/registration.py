"""Registering our webhook at RealtimeKit."""

from orchestrator.errors import RealtimeKitError
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.webhooks import EVENTS
from orchestrator.services.deps import Deps

PATH = "/v1/webhooks/realtimekit"


def ensure_webhook(deps: Deps) -> str:
    """Register one webhook at PUBLIC_URL, whatever was registered before. Returns its address.

    Raises ValueError without PUBLIC_URL, and RealtimeKitError when RealtimeKit can't register it.
    """
    if not deps.settings.public_url:
        raise ValueError("PUBLIC_URL is not set: RealtimeKit can't know where to call")
    url = deps.settings.public_url + PATH
    deps.realtimekit.run(_ensure(deps.realtimekit, f"breakouts {deps.install}", url))
    return url


async def _ensure(kit: RealtimeKit, name: str, url: str) -> None:
    mine = [hook for hook in await kit.webhooks() if hook.name == name or hook.url == url]
    if not mine:
        await _create(kit, name, url)
    elif mine[0].url != url or not mine[0].enabled or set(mine[0].events) != set(EVENTS):
        await kit.update_webhook(mine[0].id, url=url, events=EVENTS)


async def _create(kit: RealtimeKit, name: str, url: str) -> None:
    """Create the webhook. After an error, see whether it is there before raising."""
    try:
        await kit.create_webhook(name, url, EVENTS)
    except RealtimeKitError:
        if not any(hook.url == url for hook in await kit.webhooks()):
            raise
