"""Secrets of endpoints, and the headers of a delivery, as the Standard Webhooks specification has them."""

import base64
import secrets as randomness
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

from orchestrator.store.secrets import TokenVault
from schemas.tables import Endpoint

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """Return a new secret."""
    return PREFIX + base64.b64encode(randomness.token_bytes(SECRET_BYTES)).decode()


def secrets_of(vault: TokenVault, endpoint: Endpoint, now: datetime) -> list[str]:
    """Return the secrets that sign now, the newest first. One that can't be decrypted any more is left out."""
    old = [kept["secret"] for kept in reversed(endpoint.old_secrets) if datetime.fromisoformat(kept["until"]) > now]
    return [secret for sealed in [endpoint.secret, *old] if (secret := vault.open(sealed))]


def headers(secrets: Sequence[str], delivery_id: str, body: str) -> dict[str, str]:
    """Return the headers of one attempt. Each secret has a signature."""
    now = datetime.now(UTC)
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(_signatures(secrets, delivery_id, now, body)),
    }


def _signatures(secrets: Sequence[str], delivery_id: str, now: datetime, body: str) -> Iterable[str]:
    return (Webhook(secret).sign(delivery_id, now, body) for secret in secrets)
