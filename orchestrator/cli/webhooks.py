"""`python -m orchestrator.cli.webhooks`: register our webhook, at PUBLIC_URL, at RealtimeKit."""

import sys
import time
from typing import Annotated

import typer

from orchestrator.cli.failures import errors_as_messages, read_settings
from orchestrator.cli.parts import opened
from orchestrator.errors import RealtimeKitError
from orchestrator.log import configure
from orchestrator.runtime.commands import WEBHOOK_LATER
from orchestrator.services.deps import Deps
from orchestrator.services.webhooks.registration import ensure_webhook

FIRST_PAUSE_SECONDS = 2.0
MAX_PAUSE_SECONDS = 120.0


def ensure(
    keep_trying: Annotated[bool, typer.Option(help="Until RealtimeKit takes it, with growing pauses.")] = False,
) -> None:
    """Have RealtimeKit send its webhooks to PUBLIC_URL, once, whatever was registered before."""
    with errors_as_messages():
        settings = read_settings()
        configure(settings.log_level, settings.log_json)
        with opened(settings) as deps:
            url = _register_until_accepted(deps) if keep_trying else ensure_webhook(deps)
        sys.stdout.write(f"RealtimeKit calls {url}\n")


def _register_until_accepted(deps: Deps) -> str:
    """Try for ever, because even a refusal may end when somebody corrects the token's permissions."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return ensure_webhook(deps)
        except RealtimeKitError as error:
            sys.stderr.write(
                f"RealtimeKit did not take our webhook ({error}); {WEBHOOK_LATER} {pause:g} s; "
                "until then people's comings and goings are polled, which is slower\n"
            )
        time.sleep(pause)
        pause = min(2 * pause, MAX_PAUSE_SECONDS)


if __name__ == "__main__":
    typer.run(ensure)
