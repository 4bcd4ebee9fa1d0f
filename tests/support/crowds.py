"""Simulated people for tests that are not asynchronous: their event loop runs in a thread of its own."""

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from orchestrator.sandbox.people.crowd import Crowd
from orchestrator.sandbox.people.person import Behaviour

T = TypeVar("T")


class Crowds:
    """Everybody who has a browser open; made when the first one comes."""

    def __init__(self, api_url: str, sandbox_url: str) -> None:
        self._urls = api_url, sandbox_url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="people", daemon=True)
        self._thread.start()
        self._crowd: Crowd | None = None

    def add(self, client_tokens: Mapping[str, str], **behaviour: Any) -> None:
        """Open browsers, all behaving alike."""
        self._run(self._add(client_tokens, Behaviour(**behaviour)))

    def where(self) -> dict[str, str | None]:
        """RealtimeKit meeting ids by name; None: nowhere."""
        return self._crowd.where() if self._crowd else {}

    def settle(self, within: float = 10, names: Iterable[str] | None = None) -> None:
        """Wait until these (all) are where their seats say."""
        assert self._crowd is not None
        self._run(self._crowd.settle(within, names))

    def leave(self) -> None:
        """All close their browsers."""
        if self._crowd is not None:
            self._run(self._crowd.stop())
            self._crowd = None

    def close(self) -> None:
        """All leave, and the loop ends."""
        self.leave()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _add(self, client_tokens: Mapping[str, str], behaviour: Behaviour) -> None:
        if self._crowd is None:
            self._crowd = Crowd(*self._urls)
        await self._crowd.add(client_tokens, behaviour)

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)
