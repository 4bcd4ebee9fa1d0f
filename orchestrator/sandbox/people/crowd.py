"""Simulated people, many in one process."""

import asyncio
import time
from collections.abc import Iterable, Mapping

import aiohttp

from orchestrator.sandbox.people.departures import Departures
from orchestrator.sandbox.people.person import Behaviour, Person

POLL_SECONDS = 0.02


class Crowd:
    """People who share one connection pool and one poll of departures. Create it inside a running event loop."""

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
        """Return the RealtimeKit meeting that each person is in, by name; None: in none."""
        return {name: person.meeting_id for name, person in self.people.items()}

    def wrongly_kicked(self) -> list[tuple[str, str]]:
        """Return each kick of a person from the meeting that their seat named: the name, and the meeting's id."""
        return [
            (name, kick.meeting_id)
            for name, person in self.people.items()
            for kick in person.kicks
            if kick.pointed_there
        ]

    async def settle(self, within: float, names: Iterable[str] | None = None) -> None:
        """Wait until these people, or all, are where their seats say; TimeoutError after `within` seconds."""
        wanted = [self.people[name] for name in names] if names else list(self.people.values())
        deadline = time.monotonic() + within
        while missing := [person.name for person in wanted if not person.settled]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"not where their seats say: {missing}")
            await asyncio.sleep(POLL_SECONDS)

    async def stop(self) -> None:
        """Make everybody hang up."""
        await asyncio.gather(*(person.stop() for person in self.people.values()))
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        await self._http.close()
