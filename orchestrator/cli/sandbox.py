"""`python -m orchestrator.cli.sandbox`: a RealtimeKit for this machine."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from orchestrator.cli.failures import errors_as_messages
from orchestrator.errors import Unusable
from orchestrator.runtime import ports
from orchestrator.runtime.ports import LOOPBACK
from orchestrator.sandbox.server import serve
from orchestrator.sandbox.world.config import SandboxConfig

HELP = """A RealtimeKit for this machine: same paths, bodies and signed webhooks, nothing leaves it.

Point the orchestrator at it with REALTIMEKIT_BASE_URL=http://HOST:PORT/client/v4 and any account, app and token.
Pages with RealtimeKit's own client join its meetings: see /_edge/browser.js.
Faults, latency and switches can also be set while it runs, at /_sandbox.
"""


def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = LOOPBACK,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8800,
    latency_ms: Annotated[float, typer.Option(help="How long every call takes.")] = 0.0,
    config: Annotated[Path | None, typer.Option(help="JSON file with any setting: faults, switches, timings.")] = None,
) -> None:
    """Serve the sandbox until it is stopped."""
    with errors_as_messages():
        settings = _read(config)
        if latency_ms:
            settings.latency.default_ms = latency_ms
        ports.check(host, port, host_from="--host", port_from="--port")
        typer.echo(f"sandbox: REALTIMEKIT_BASE_URL=http://{host}:{port}/client/v4")
        serve(settings, host, port)


def _read(path: Path | None) -> SandboxConfig:
    try:
        return SandboxConfig.model_validate_json(path.read_bytes()) if path else SandboxConfig()
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from None
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise Unusable(f"{path}: {problems}") from None


if __name__ == "__main__":
    app = typer.Typer(add_completion=False)
    app.command(help=HELP)(sandbox)
    app()
