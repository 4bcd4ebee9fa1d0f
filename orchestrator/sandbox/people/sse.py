"""Reads a stream of server-sent events."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

CONNECT_TIMEOUT_SECONDS = 5.0
SILENCE_TIMEOUT_SECONDS = 45.0
"""A stream that sends nothing for so long, not even a comment, counts as broken; one comes every 15 s."""
MAX_LINE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event, with its data parsed as JSON."""

    id: str | None
    name: str
    data: Any


async def events(http: aiohttp.ClientSession, url: str, headers: Mapping[str, str]) -> AsyncIterator[ServerEvent]:
    """Yield the events of one connection until it ends; aiohttp.ClientError or TimeoutError when it breaks."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_SECONDS, sock_read=SILENCE_TIMEOUT_SECONDS)
    accept = {"Accept": "text/event-stream", **headers}
    async with http.get(url, headers=accept, timeout=timeout, read_bufsize=MAX_LINE_BYTES) as answer:
        answer.raise_for_status()
        fields: dict[str, str] = {}
        async for raw in answer.content:
            line = raw.decode().rstrip("\r\n")
            if line:
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                fields[name] = f"{fields['data']}\n{value}" if name == "data" and "data" in fields else value
            elif fields:
                if "data" in fields:
                    yield ServerEvent(fields.get("id"), fields.get("event", "message"), json.loads(fields["data"]))
                fields = {}
