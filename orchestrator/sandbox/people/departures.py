"""How simulated people learn that they were put out: one long poll of the control door for all of them."""

import asyncio
from collections.abc import Callable

import aiohttp

RETRY_SECONDS = 0.3


class Departures:
    """Watches for peers that were kicked, ended or ejected."""

    def __init__(self, sandbox_base: str, http: aiohttp.ClientSession) -> None:
        self._url, self._http = f"{sandbox_base.rstrip('/')}/_sandbox/departures", http
        self._watched: dict[str, Callable[[str], None]] = {}
        self._early: set[str] = set()

    def watch(self, peer_id: str, put_out: Callable[[str], None]) -> None:
        """Call back when this peer is put out, also when that was heard of before this call."""
        if peer_id in self._early:
            self._early.discard(peer_id)
            put_out(peer_id)
            return
        self._watched[peer_id] = put_out

    def forget(self, peer_id: str) -> None:
        """It has left by itself."""
        self._watched.pop(peer_id, None)

    async def run(self) -> None:
        """Poll until cancelled."""
        seen = 0
        while True:
            try:
                seen = await self._poll(seen)
            except (aiohttp.ClientError, TimeoutError, OSError):
                await asyncio.sleep(RETRY_SECONDS)

    async def _poll(self, seen: int) -> int:
        timeout = aiohttp.ClientTimeout(total=40)
        async with self._http.get(self._url, params={"after": seen, "wait": 20}, timeout=timeout) as answer:
            answer.raise_for_status()
            departures = (await answer.json())["departures"]
        for departure in departures:
            call_back = self._watched.pop(departure["peer_id"], None)
            if call_back:
                call_back(departure["peer_id"])
            else:
                self._early.add(departure["peer_id"])
        return int(departures[-1]["number"]) if departures else seen
