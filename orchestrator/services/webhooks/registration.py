"""Registering our webhook at RealtimeKit."""

from orchestrator.errors import RealtimeKitError
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.webhooks import EVENTS
from orchestrator.services.deps import Deps

PATH = "/v1/webhooks/realtimekit"


def ensure_webhook(deps: Deps) -> str:
    """Have RealtimeKit call PUBLIC_URL, once, whatever was registered before; gives the address.

    Raises ValueError without PUBLIC_URL, and RealtimeKitError when RealtimeKit does not take it.
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
    """Create it; after an answer that did not come, look before saying that it failed."""
    try:
        await kit.create_webhook(name, url, EVENTS)
    except RealtimeKitError:
        if not any(hook.url == url for hook in await kit.webhooks()):
            raise
