"""Simulated people for synchronous tests: their event loop runs in a thread of its own."""

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from orchestrator.sandbox.people.crowd import Crowd
from orchestrator.sandbox.people.person import Behaviour, Notices
from tests.support.waiting import LONG

T = TypeVar("T")


class Crowds:
    """All people with a browser open; the crowd is made when the first one comes."""

    def __init__(self, api_url: str, sandbox_url: str) -> None:
        self._urls = api_url, sandbox_url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="people", daemon=True)
        self._thread.start()
        self._crowd: Crowd | None = None

    def add(self, client_tokens: Mapping[str, str], **behaviour: Any) -> None:
        """Open browsers, all with the same behaviour."""
        self._run(self._add(client_tokens, Behaviour(**behaviour)))

    def where(self) -> dict[str, str | None]:
        """Return the RealtimeKit meeting id of each person by name, None for somebody in no meeting."""
        return self._crowd.where() if self._crowd else {}

    def versions(self) -> list[int]:
        """Return the version of the seat that each page knows."""
        people = self._crowd.people.values() if self._crowd else ()
        return [person.seat["version"] for person in people if person.seat]

    def wrongly_kicked(self) -> list[tuple[str, str]]:
        """Return each kick of a person from the meeting that their seat named: the name, and the meeting's id."""
        return self._crowd.wrongly_kicked() if self._crowd else []

    def notices(self, name: str) -> Notices:
        """Return what a person's stream has told besides seats."""
        assert self._crowd is not None
        return self._crowd.people[name].notices

    def settle(self, within: float = LONG, names: Iterable[str] | None = None) -> None:
        """Wait until these people, or all, are where their seats say."""
        assert self._crowd is not None
        self._run(self._crowd.settle(within, names))

    def leave(self) -> None:
        """Close all browsers."""
        if self._crowd is not None:
            self._run(self._crowd.stop())
            self._crowd = None

    def close(self) -> None:
        """Close all browsers and the loop."""
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
