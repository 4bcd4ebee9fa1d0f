"""`python -m orchestrator.cli.webhooks`: register our webhook, at PUBLIC_URL, at RealtimeKit."""

import sys
import time
from typing import Annotated

import typer

from orchestrator.cli.failures import errors_as_messages
from orchestrator.cli.parts import opened
from orchestrator.errors import RealtimeKitError, WebhookTaken
from orchestrator.log import configure
from orchestrator.process_settings import Process, read
from orchestrator.runtime.commands import ONLY_HELP, WEBHOOK_LATER
from orchestrator.services.deps import Deps
from orchestrator.services.webhooks.registration import ONLY, PATH, Found, ensure_webhook

FIRST_PAUSE_SECONDS = 2.0
MAX_PAUSE_SECONDS = 120.0


def ensure(
    *,
    keep_trying: Annotated[bool, typer.Option(help="Until RealtimeKit takes it, with growing pauses.")] = False,
    only: Annotated[bool, typer.Option("--only", help=ONLY_HELP)] = False,
) -> None:
    """Have RealtimeKit send its webhooks to PUBLIC_URL, once. Other deployments' webhooks stay as they are."""
    with errors_as_messages():
        settings = read(Process.WEBHOOKS)
        configure(settings.log_level, settings.log_json)
        with opened(settings) as deps:
            found = _register_until_accepted(deps, only=only) if keep_trying else ensure_webhook(deps, only=only)
        for hook in () if only else found.elsewhere:
            sys.stderr.write(f"RealtimeKit also calls {hook.url} for this deployment; if it has moved, run {ONLY}\n")
        sys.stdout.write(f"RealtimeKit calls {settings.public_url}{PATH}\n")


def _register_until_accepted(deps: Deps, *, only: bool) -> Found:
    """Try for ever, because even a refusal may end when somebody corrects the token's rights or deletes a webhook."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return ensure_webhook(deps, only=only)
        except (RealtimeKitError, WebhookTaken) as error:
            sys.stderr.write(
                f"our webhook is not registered ({error}); {WEBHOOK_LATER} {pause:g} s; "
                "until then people's comings and goings are polled, which is slower\n"
            )
        time.sleep(pause)
        pause = min(2 * pause, MAX_PAUSE_SECONDS)


if __name__ == "__main__":
    typer.run(ensure)
