"""Sends events to webhooks: signed, retried on 5xx and network errors, never on any other answer."""

import asyncio
import base64
import functools
import json
import random
from collections import deque
from dataclasses import dataclass

import aiohttp
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from orchestrator.sandbox.world.answers import JSON
from orchestrator.sandbox.world.state import Webhook, World, new_id, now

REMEMBERED = 20_000


@dataclass(slots=True, frozen=True)
class Attempt:
    """One try to deliver; status 0 is a network error or a timeout."""

    at: float
    webhook_id: str
    uuid: str
    event: str
    attempt: int
    status: int


class Signer:
    """RSA-SHA256 with PKCS#1 v1.5 over the raw body."""

    def __init__(self, private_key_pem: str | None) -> None:
        self._pem = private_key_pem

    @functools.cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        if self._pem is None:
            return _made_key()
        key = serialization.load_pem_private_key(self._pem.encode(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("webhook_private_key must be an RSA key")
        return key

    @functools.cached_property
    def public_key_pem(self) -> str:
        """What `/.well-known/webhooks.json` publishes."""
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_key().public_bytes(serialization.Encoding.PEM, kind).decode()

    def sign(self, body: bytes) -> str:
        """The header `rtk-signature`."""
        return base64.b64encode(self._key.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()


class Deliveries:
    """All deliveries that are under way, and the attempts that were made."""

    def __init__(self, world: World, signer: Signer) -> None:
        self._world, self._signer = world, signer
        self._tasks: set[asyncio.Task[None]] = set()
        self._http: aiohttp.ClientSession | None = None
        self._random = random.Random(0)  # noqa: S311 - shuffles deliveries, guards nothing
        self.attempts: deque[Attempt] = deque(maxlen=REMEMBERED)

    @property
    def pending(self) -> int:
        """Deliveries that are not done with yet."""
        return len(self._tasks)

    def send(self, event: JSON) -> None:
        """Begin to deliver an event to each webhook that wants it; never blocks."""
        if not self._world.config.switches.webhooks_delivered:
            return
        wanting = [hook for hook in self._world.webhooks.values() if hook.enabled and event["event"] in hook.events]
        if not wanting:
            return
        body = json.dumps(event, separators=(",", ":")).encode()
        for hook in wanting:
            uuid = new_id()
            for _ in range(1 + self._world.config.switches.webhook_duplicates):
                self._begin(hook, uuid, event["event"], body)

    def clear(self) -> None:
        """Give up what is under way, forget what was."""
        for task in self._tasks:
            task.cancel()
        self.attempts.clear()

    async def close(self) -> None:
        """The end."""
        self.clear()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http:
            await self._http.close()

    def _begin(self, hook: Webhook, uuid: str, name: str, body: bytes) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(hook, uuid, name, body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, hook: Webhook, uuid: str, name: str, body: bytes) -> None:
        switches, delivery = self._world.config.switches, self._world.config.delivery
        wait = switches.webhook_delay_seconds + self._random.random() * switches.webhook_reorder_seconds
        signature = await asyncio.to_thread(self._signer.sign, body)
        for attempt in range(1, delivery.attempts + 1):
            if wait:
                await asyncio.sleep(wait)
            if hook.id not in self._world.webhooks or not hook.enabled:
                return
            status = await self._post(hook.url, body, signature, uuid, hook.id)
            self.attempts.append(Attempt(now(), hook.id, uuid, name, attempt, status))
            if 0 < status < 500:
                return
            wait = delivery.backoff_seconds * 2 ** (attempt - 1)
            uuid = uuid if switches.webhook_retry_keeps_uuid else new_id()

    async def _post(self, url: str, body: bytes, signature: str, uuid: str, hook_id: str) -> int:
        if self._http is None:
            connector = aiohttp.TCPConnector(limit=100)
            self._http = aiohttp.ClientSession(connector=connector, skip_auto_headers=["User-Agent"])
        headers = {"Content-Type": "application/json", "rtk-signature": signature, "rtk-uuid": uuid}
        headers["rtk-webhook-id"] = hook_id
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=5, sock_read=self._world.config.delivery.timeout_seconds
        )
        try:
            async with self._http.post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0


@functools.cache
def _made_key() -> rsa.RSAPrivateKey:
    """One key per process: making one takes a good part of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
