"""Sends signed events to webhooks, with retries after 5xx and network errors, and after no other answer."""

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

from orchestrator.sandbox.world.state import Webhook, World, new_id, now
from orchestrator.sandbox.world.values import JSON

MAX_REMEMBERED_ATTEMPTS = 20_000
MAX_CONNECTIONS = 100
CONNECT_TIMEOUT_SECONDS = 5


@dataclass(slots=True, frozen=True)
class Attempt:
    """One attempt to deliver an event; status 0 is a network error or a timeout."""

    at: float
    webhook_id: str
    uuid: str
    event: str
    attempt: int
    status: int


class Signer:
    """Signs raw bodies with RSA-SHA256 and PKCS#1 v1.5."""

    def __init__(self, private_key_pem: str | None) -> None:
        self._pem = private_key_pem

    @functools.cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        if self._pem is None:
            return _generated_key()
        key = serialization.load_pem_private_key(self._pem.encode(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("webhook_private_key must be an RSA key")
        return key

    @functools.cached_property
    def public_key_pem(self) -> str:
        """The key that `/.well-known/webhooks.json` publishes."""
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_key().public_bytes(serialization.Encoding.PEM, kind).decode()

    def sign(self, body: bytes) -> str:
        """Return the value of the header `rtk-signature`."""
        return base64.b64encode(self._key.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()


class Deliveries:
    """All deliveries under way, and the attempts made so far."""

    def __init__(self, world: World, signer: Signer) -> None:
        self._world, self._signer = world, signer
        self._tasks: set[asyncio.Task[None]] = set()
        self._http: aiohttp.ClientSession | None = None
        self._random = random.Random(0)  # noqa: S311 - shuffles deliveries, guards nothing
        self.attempts: deque[Attempt] = deque(maxlen=MAX_REMEMBERED_ATTEMPTS)

    @property
    def pending(self) -> int:
        """How many deliveries are under way."""
        return len(self._tasks)

    def send(self, event: JSON) -> None:
        """Start to deliver an event to each webhook that subscribes to it; does not wait."""
        if not self._world.config.switches.webhooks_delivered:
            return
        hooks = [hook for hook in self._world.webhooks.values() if hook.enabled and event["event"] in hook.events]
        if not hooks:
            return
        body = json.dumps(event, separators=(",", ":")).encode()
        for hook in hooks:
            uuid = new_id()
            for _ in range(1 + self._world.config.switches.webhook_duplicates):
                self._start(hook, uuid, event["event"], body)

    def clear(self) -> None:
        """Cancel the deliveries under way, and forget all attempts."""
        for task in self._tasks:
            task.cancel()
        self.attempts.clear()

    async def close(self) -> None:
        """Cancel the deliveries and close the connections."""
        self.clear()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http:
            await self._http.close()

    def _start(self, hook: Webhook, uuid: str, name: str, body: bytes) -> None:
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
            connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS)
            self._http = aiohttp.ClientSession(connector=connector, skip_auto_headers=["User-Agent"])
        headers = {"Content-Type": "application/json", "rtk-signature": signature, "rtk-uuid": uuid}
        headers["rtk-webhook-id"] = hook_id
        timeout = aiohttp.ClientTimeout(
            total=None,
            sock_connect=CONNECT_TIMEOUT_SECONDS,
            sock_read=self._world.config.delivery.timeout_seconds,
        )
        try:
            async with self._http.post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0


@functools.cache
def _generated_key() -> rsa.RSAPrivateKey:
    """Generate one key per process, because that takes a good part of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
