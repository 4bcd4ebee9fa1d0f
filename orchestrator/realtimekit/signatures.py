"""Checks that a webhook comes from RealtimeKit, with the public key that RealtimeKit publishes."""

import base64
import threading
import time

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from orchestrator.log import logger
from orchestrator.webhook_key import rsa_key

log = logger(__name__)

REFETCH_SECONDS = 60.0
"""The key is fetched at most this often, because anybody can send forged signatures."""
FETCH_TIMEOUT_SECONDS = 5.0


def verify(raw_body: bytes, signature: str, public_key_pem: str) -> bool:
    """Whether `signature` (base64, RSA-SHA256, PKCS#1 v1.5) fits exactly these bytes; ValueError for a bad key."""
    key = rsa_key(public_key_pem)
    try:
        key.verify(base64.b64decode(signature, validate=True), raw_body, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


class SignatureChecker:
    """Checks signatures with the key published at `url`, or always with `pinned_key`; used from any thread."""

    def __init__(self, url: str, pinned_key: str = "", refetch_seconds: float = REFETCH_SECONDS) -> None:
        self._url = url
        self._pinned = bool(pinned_key)
        self._key: str | None = pinned_key or None
        self._refetch_seconds = refetch_seconds
        self._fetched_at: float | None = None
        self._lock = threading.Lock()

    def fits(self, raw_body: bytes, signature: str) -> bool:
        """Whether the key that is known now says that RealtimeKit signed these bytes. Nothing is fetched."""
        return self._key is not None and verify(raw_body, signature, self._key)

    def verify(self, raw_body: bytes, signature: str) -> bool | None:
        """Whether RealtimeKit signed these bytes; None while its key can't be fetched, which proves nothing.

        A signature that does not fit may mean that the key has changed. The key is then fetched again, at most once in
        `refetch_seconds`.
        """
        if self.fits(raw_body, signature):
            return True
        if not self._pinned:
            self._fetch()
        return None if self._key is None else verify(raw_body, signature, self._key)

    def _fetch(self) -> None:
        with self._lock:
            now = time.monotonic()
            if self._fetched_at is not None and now < self._fetched_at + self._refetch_seconds:
                return
            self._fetched_at = now
            try:
                self._key = published_key(self._url)
            except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
                log.warning("no webhook key", url=self._url, error=str(error))


def published_key(url: str) -> str:
    """Fetch the key that RealtimeKit publishes; raises httpx.HTTPError, ValueError, KeyError or TypeError."""
    answer = httpx.get(url, timeout=FETCH_TIMEOUT_SECONDS, follow_redirects=True).raise_for_status()
    key = str(answer.json()["data"]["publicKey"])
    rsa_key(key)
    return key
