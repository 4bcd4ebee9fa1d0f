"""Checks of RealtimeKit: credentials, webhook, clock."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from orchestrator.cli.doctor.checks import Check, Verdict, failed, ok, warning
from orchestrator.cli.doctor.clocks import compare
from orchestrator.cli.doctor.parts import Parts
from orchestrator.errors import Refused
from orchestrator.realtimekit.clock import server_time
from orchestrator.realtimekit.records import WebhookRecord
from orchestrator.realtimekit.signatures import published_key
from orchestrator.realtimekit.webhooks import EVENTS
from orchestrator.services.webhooks.registration import ONLY, PATH, Found, sort_out

ENSURE = "run `breakouts webhooks ensure`"
OWN_ADDRESS = f"set PUBLIC_URL to this deployment's own address, and {ENSURE}; if the other is gone, run {ONLY}"
MOVED = f"if it has moved here, run {ONLY}; if its database was copied, give the copy a RealtimeKit app of its own"
WHERE = "correct REALTIMEKIT_ACCOUNT_ID or REALTIMEKIT_BASE_URL"
REFUSALS = {
    401: (
        "the token is not known, or has been revoked or has expired",
        "copy REALTIMEKIT_API_TOKEN again, or make a new token",
    ),
    403: (
        "the token is good, but not for this account's RealtimeKit",
        "give it the permission Realtime Admin for the account of REALTIMEKIT_ACCOUNT_ID, or correct that id",
    ),
    404: (
        "the account has no such app",
        "correct REALTIMEKIT_APP_ID; it stands in Cloudflare's dashboard under Realtime",
    ),
}
"""What a status that refuses the first call of all means, and what to do."""


def credentials(parts: Parts) -> Verdict:
    """Check that the app exists and the token may use it."""
    settings = parts.settings
    if missing := settings.missing_credentials:
        return failed(f"{', '.join(missing)} not set", "the ids are in Cloudflare's dashboard under Realtime")
    try:
        hooks = parts.webhooks
    except Refused as error:
        words, advice = REFUSALS.get(error.status or 0, ("the request is refused", WHERE))
        return failed(f"{words} (HTTP {error.status}): {error}", advice)
    return ok(f"the app answers at {settings.realtimekit_base_url}, and has {len(hooks)} webhooks")


def webhook(parts: Parts) -> Verdict:
    """Check that RealtimeKit sends every event that we need, and once, and that the webhook is this deployment's."""
    base = parts.settings.public_url
    if not base:
        return warning("PUBLIC_URL is not set: comings and goings are polled, which is slower", f"set it, and {ENSURE}")
    url, install = base + PATH, parts.install
    found = sort_out(parts.webhooks, install, url)
    if found.taken and not found.here and install:
        words = f"the webhook {found.taken[0].name!r} of another deployment calls {url}"
        return failed(f"{words}, so this one has none", OWN_ADDRESS)
    return _told(url, [hook for hook in parts.webhooks if hook.url == url]) or _once(url, found)


def _told(url: str, hooks: Sequence[WebhookRecord]) -> Verdict | None:
    """Return what is not told to the address; None when all is."""
    enabled = [hook for hook in hooks if hook.enabled]
    if not hooks:
        return failed(f"RealtimeKit does not call {url}", ENSURE)
    if not enabled:
        return failed(f"the webhook for {url} is switched off", ENSURE)
    if missing := [event for event in EVENTS if not any(event in hook.events for hook in enabled)]:
        return failed(f"RealtimeKit does not tell {url} of {', '.join(missing)}", ENSURE)
    return None


def _once(url: str, found: Found) -> Verdict:
    here = [hook for hook in (*found.here, *found.taken, *found.by_hand) if hook.enabled]
    if len(here) > 1:
        words = f"{len(here)} webhooks call {url} ({', '.join(hook.name for hook in here)})"
        return warning(f"{words}: everything is told so often", f"run {ONLY}")
    if found.elsewhere:
        words = f"RealtimeKit also calls {found.elsewhere[0].url} for a deployment with this identity"
        return warning(words, MOVED)
    others = ", ".join(hook.url for hook in found.others)
    return ok(f"RealtimeKit calls {url}" + (f"; other deployments in this app have {others}" if others else ""))


def webhook_key(parts: Parts) -> Verdict:
    """Check that there is a key to verify webhooks with."""
    settings = parts.settings
    if settings.realtimekit_webhook_public_key:
        return ok("given by REALTIMEKIT_WEBHOOK_PUBLIC_KEY")
    published_key(settings.realtimekit_webhook_keys_url)
    return ok(f"published at {settings.realtimekit_webhook_keys_url}")


def clock(parts: Parts) -> Verdict:
    """Check its clock, because its times say how long people were where."""
    before = datetime.now(UTC)
    theirs = server_time(parts.settings.realtimekit_base_url)
    return compare(theirs, before - timedelta(seconds=1), datetime.now(UTC))  # theirs has whole seconds


KEYS = "set REALTIMEKIT_WEBHOOK_PUBLIC_KEY (PEM) or REALTIMEKIT_WEBHOOK_KEYS_URL to where RealtimeKit publishes its key"
REACH = "see that this machine reaches REALTIMEKIT_BASE_URL"

CHECKS = (
    Check("RealtimeKit", credentials, ("settings",), advice=REACH, timeout_seconds=15),
    Check("webhook", webhook, ("RealtimeKit",), timeout_seconds=15),
    Check("webhook key", webhook_key, ("settings",), advice=KEYS),
    Check("clock of RealtimeKit", clock, ("settings",), advice=REACH),
)
