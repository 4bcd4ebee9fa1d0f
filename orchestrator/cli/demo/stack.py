"""The stack of a demo: `breakouts up --sandbox` on free ports and with a home of its own."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import Unusable
from orchestrator.runtime.guard import guarded
from orchestrator.runtime.ports import LOOPBACK, free_port

START_SECONDS = 180.0
STOP_SECONDS = 60.0
LAST_WORDS_LINES = 40
COMMAND = (sys.executable, "-m", "orchestrator.cli", "up", "--sandbox", "--sandbox-port")


@dataclass
class Stack:
    """The addresses, key and files of a stack."""

    home: Path
    api_port: int = field(default_factory=free_port)
    flower_port: int = field(default_factory=free_port)
    sandbox_port: int = field(default_factory=free_port)
    page_port: int = field(default_factory=free_port)
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def api(self) -> str:
        """The API's address."""
        return f"http://{LOOPBACK}:{self.api_port}"

    @property
    def flower(self) -> str:
        """Flower's address."""
        return f"http://{LOOPBACK}:{self.flower_port}"

    @property
    def sandbox(self) -> str:
        """The sandbox's address."""
        return f"http://{LOOPBACK}:{self.sandbox_port}"

    @property
    def page(self) -> str:
        """The address of the visitor's page."""
        return f"http://localhost:{self.page_port}"

    @property
    def log(self) -> Path:
        """The output of all processes."""
        return self.home / "demo.log"

    def last_words(self) -> str:
        """Return the end of the output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LAST_WORDS_LINES:])

    def environment(self) -> dict[str, str]:
        """Return the settings of every process; the empty ones override those of this machine's environment."""
        return {
            "BREAKOUTS_HOME": str(self.home),
            "DATABASE_URL": "",
            "BROKER_URL": "",
            "HOST": LOOPBACK,
            "PORT": str(self.api_port),
            "FLOWER_HOST": LOOPBACK,
            "FLOWER_PORT": str(self.flower_port),
            "FLOWER_BASIC_AUTH": "",
            "PUBLIC_URL": self.api,
            "CORS_ORIGINS": self.page,
            "API_KEYS": f"demo:operator:{self.key}",
            "SECRET_KEY": "",
        }


@asynccontextmanager
async def running(
    stack: Stack, environment: dict[str, str], while_starting: AbstractContextManager[object]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start the stack, and stop it after the block. Raises Unusable, with the last output, if it does not come up."""
    with stack.log.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *guarded([*COMMAND, str(stack.sandbox_port)]),
            env={**environment, **stack.environment()},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C must reach only the demo: people hang up before the stack stops
        )
        try:
            with while_starting:
                await _until_up(stack, process)
            yield process
        finally:
            await _stop(process)


async def _until_up(stack: Stack, process: asyncio.subprocess.Process) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(START_SECONDS):
            while process.returncode is None:
                if "Everything is up" in stack.log.read_text(errors="replace"):
                    return
                await asyncio.sleep(0.1)
    raise Unusable(f"the stack did not come up:\n{stack.last_words()}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
