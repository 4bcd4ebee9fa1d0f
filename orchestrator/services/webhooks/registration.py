"""Registering our webhook at RealtimeKit.

A webhook's name says whose it is: `breakouts` and the deployment's mark. Only those of our own name are ever changed.
Several deployments may use one app, even with one copied `.env`, so an address proves nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.errors import RealtimeKitError, WebhookTaken
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.records import WebhookRecord
from orchestrator.realtimekit.webhooks import EVENTS
from orchestrator.services.deps import Deps

PATH = "/v1/webhooks/realtimekit"
ONLY = "`breakouts webhooks ensure --only`"
_NAME = re.compile("breakouts [0-9a-f]{8}")


@dataclass(frozen=True)
class Found:
    """The webhooks of an app, as one deployment sees them."""

    here: tuple[WebhookRecord, ...]
    """Its own at its address; more than one only after creates without an answer."""
    elsewhere: tuple[WebhookRecord, ...]
    """Its own at other addresses: it has moved, or it runs on a copy of another deployment's database."""
    taken: tuple[WebhookRecord, ...]
    """Those of other deployments at its address."""
    by_hand: tuple[WebhookRecord, ...]
    """Those at its address whose name is no deployment's."""
    others: tuple[WebhookRecord, ...]
    """Those of other deployments at addresses of their own."""


def sort_out(hooks: Iterable[WebhookRecord], install: str, url: str) -> Found:
    """Sort an app's webhooks by whose they are, for the deployment with this mark and address."""
    ordered = sorted(hooks, key=lambda hook: hook.id)
    own, at_url = _name(install), [hook for hook in ordered if hook.url == url]
    return Found(
        here=tuple(hook for hook in at_url if hook.name == own),
        elsewhere=tuple(hook for hook in ordered if hook.name == own and hook.url != url),
        taken=tuple(hook for hook in at_url if hook.name != own and is_a_deployments(hook)),
        by_hand=tuple(hook for hook in at_url if not is_a_deployments(hook)),
        others=tuple(hook for hook in ordered if hook.name != own and hook.url != url and is_a_deployments(hook)),
    )


def is_a_deployments(hook: WebhookRecord) -> bool:
    """Whether some deployment of this software has registered it."""
    return _NAME.fullmatch(hook.name) is not None


def is_complete(hook: WebhookRecord) -> bool:
    """Whether it is switched on and tells all that we need."""
    return hook.enabled and set(EVENTS) <= set(hook.events)


def ensure_webhook(deps: Deps, *, only: bool = False) -> Found:
    """Register one webhook at PUBLIC_URL, and return what was there before. Repeating it changes nothing.

    With `only` it is the only one afterwards: whatever else calls this address is deleted, whoever made it, and so are
    this deployment's webhooks at other addresses. Raises ValueError without PUBLIC_URL, WebhookTaken when the address
    is another's, and RealtimeKitError when RealtimeKit can't do it.
    """
    if not deps.settings.public_url:
        raise ValueError("PUBLIC_URL is not set: RealtimeKit can't know where to call")
    url = deps.settings.public_url + PATH
    return deps.realtimekit.run(_ensure(deps.realtimekit, deps.install, url, only=only))


async def _ensure(kit: RealtimeKit, install: str, url: str, *, only: bool) -> Found:
    found = sort_out(await kit.webhooks(), install, url)
    if not only and not found.here:
        _refuse_if_taken(found, url)
        if found.by_hand:
            return found
    if not found.here:
        await _create(kit, install, url)
    elif not is_complete(found.here[0]):
        await kit.update_webhook(found.here[0].id, url=url, events=EVENTS)
    surplus = found.here[1:] + (found.elsewhere + found.taken + found.by_hand if only else ())
    for hook in surplus:
        await kit.delete_webhook(hook.id)
    return found


def _refuse_if_taken(found: Found, url: str) -> None:
    if found.taken:
        words = f"the webhook {found.taken[0].name!r} of another deployment calls {url}"
        raise WebhookTaken(f"{words}: set PUBLIC_URL to this one's own address, or run {ONLY} if that one is gone")
    if found.by_hand and not any(map(is_complete, found.by_hand)):
        words = f"the webhook {found.by_hand[0].name!r}, which was made by hand, calls {url}, but does not tell all"
        raise WebhookTaken(f"{words}: add {', '.join(EVENTS)}, or run {ONLY}, which replaces it")


async def _create(kit: RealtimeKit, install: str, url: str) -> None:
    """Create the webhook. After an error, see whether it is there before raising."""
    try:
        await kit.create_webhook(_name(install), url, EVENTS)
    except RealtimeKitError:
        if not sort_out(await kit.webhooks(), install, url).here:
            raise


def _name(install: str) -> str:
    return f"breakouts {install}"
