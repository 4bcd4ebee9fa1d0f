"""Tells simulated people that they were put out, with one long poll of the control API for all of them."""

import asyncio
from collections.abc import Callable

import aiohttp

RETRY_SECONDS = 0.3
POLL_SECONDS, POLL_TIMEOUT_SECONDS = 20, 40


class Departures:
    """Watches for peers that were kicked, ended or ejected."""

    def __init__(self, sandbox_base: str, http: aiohttp.ClientSession) -> None:
        self._url, self._http = f"{sandbox_base.rstrip('/')}/_sandbox/departures", http
        self._callbacks: dict[str, Callable[[str], None]] = {}
        self._unclaimed: set[str] = set()
        """Peers whose departure arrived before `watch` was called for them."""

    def watch(self, peer_id: str, on_put_out: Callable[[str], None]) -> None:
        """Call `on_put_out` when this peer is put out; at once when it already was."""
        if peer_id in self._unclaimed:
            self._unclaimed.discard(peer_id)
            on_put_out(peer_id)
            return
        self._callbacks[peer_id] = on_put_out

    def forget(self, peer_id: str) -> None:
        """Stop watching a peer that has left by itself."""
        self._callbacks.pop(peer_id, None)

    async def run(self) -> None:
        """Poll until cancelled."""
        last_number = 0
        while True:
            try:
                last_number = await self._poll(last_number)
            except (aiohttp.ClientError, TimeoutError, OSError):
                await asyncio.sleep(RETRY_SECONDS)

    async def _poll(self, last_number: int) -> int:
        timeout = aiohttp.ClientTimeout(total=POLL_TIMEOUT_SECONDS)
        query = {"after": last_number, "wait": POLL_SECONDS}
        async with self._http.get(self._url, params=query, timeout=timeout) as answer:
            answer.raise_for_status()
            departures = (await answer.json())["departures"]
        for departure in departures:
            on_put_out = self._callbacks.pop(departure["peer_id"], None)
            if on_put_out:
                on_put_out(departure["peer_id"])
            else:
                self._unclaimed.add(departure["peer_id"])
        return int(departures[-1]["number"]) if departures else last_number
