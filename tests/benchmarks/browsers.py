"""Browsers that only listen, and when each received the seat that says "main" through the API's stream."""

import asyncio
import json
import threading
import time
from collections.abc import Mapping

from tests.support.waiting import wait_until


class Browsers:
    """Named streams, read in a thread of its own."""

    def __init__(self, port: int, tokens: Mapping[str, str]) -> None:
        self._port = port
        self.begun: set[str] = set()
        self.told: dict[str, float] = {}
        """When each received it, in seconds since the epoch."""
        self._loop = asyncio.new_event_loop()
        self._tasks = [self._loop.create_task(self._follow(name, token)) for name, token in tokens.items()]
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        wait_until(lambda: len(self.begun) == len(tokens), 60, what="the first seat of each browser")

    def close(self) -> None:
        """Close all streams."""
        for task in self._tasks:
            self._loop.call_soon_threadsafe(task.cancel)

    async def _follow(self, name: str, token: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        writer.write(f"GET /v1/seat/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        async for line in reader:
            if line.startswith(b"data: {") and b'"version":' in line:
                self.begun.add(name)
                if json.loads(line[6:])["location"] == "main":
                    self.told.setdefault(name, time.time())
        writer.close()
