"""Simulated people, many in one process."""

import asyncio
import time
from collections.abc import Iterable, Mapping

import aiohttp

from orchestrator.sandbox.people.departures import Departures
from orchestrator.sandbox.people.person import Behaviour, Heard, Person, Place

__all__ = ["Behaviour", "Crowd", "Heard", "Person", "Place"]


class Crowd:
    """People who share one connection pool and one watch for kicks. Make it inside a running loop."""

    def __init__(self, api_base: str, sandbox_base: str) -> None:
        self._api, self._sandbox = api_base, sandbox_base
        self.people: dict[str, Person] = {}
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._departures = Departures(sandbox_base, self._http)
        self._watch = asyncio.create_task(self._departures.run())

    async def add(self, client_tokens: Mapping[str, str], behaviour: Behaviour | None = None) -> list[Person]:
        """Start a person for each name and client token."""
        new = [
            Person(self._api, token, self._sandbox, name, behaviour, http=self._http, departures=self._departures)
            for name, token in client_tokens.items()
        ]
        self.people |= {person.name: person for person in new}
        for person in new:
            await person.start()
        return new

    def where(self) -> dict[str, str | None]:
        """RealtimeKit meeting ids by name; None: nowhere."""
        return {name: person.meeting_id for name, person in self.people.items()}

    async def settle(self, within: float, names: Iterable[str] | None = None) -> None:
        """Wait until these (all) are where their seats say; TimeoutError names who is not, after so many seconds."""
        wanted = [self.people[name] for name in names] if names else list(self.people.values())
        deadline = time.monotonic() + within
        while missing := [person.name for person in wanted if not person.settled]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"not where their seats say: {missing}")
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """All hang up."""
        await asyncio.gather(*(person.stop() for person in self.people.values()))
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        await self._http.close()
