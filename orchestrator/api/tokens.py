"""Client tokens: signed JWTs, each valid for one participant of one meeting and only under /v1/seat."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import jwt

from orchestrator.errors import Unauthenticated
from orchestrator.store.secrets import subkey
from schemas.problems import ProblemCode

ALGORITHM = "HS256"
AUDIENCE = "seat"
REQUIRED_CLAIMS = ["sub", "meeting", "aud", "iat", "exp"]
EXPIRED = "the client token has expired"
KNOWN_MOST = 20_000
"""How many verified tokens a process remembers. A browser sends the same one again and again, for hours."""


@dataclass(frozen=True)
class ClientToken:
    """The content of a verified client token."""

    participant_id: str
    meeting_id: str
    expires_at: datetime


class ClientTokens:
    """Signs tokens with the newest secret and accepts any of the secrets, so that secrets can be rotated."""

    def __init__(self, secrets: list[str]) -> None:
        self._keys = [subkey(secret, "client tokens") for secret in secrets]
        self._content = lru_cache(KNOWN_MOST)(self._verified)

    def issue(self, participant_id: str, meeting_id: str, ttl: timedelta) -> tuple[str, datetime]:
        """Sign a token. Returns it with its expiry, in whole seconds."""
        now = datetime.now(UTC).replace(microsecond=0)
        claims = {"sub": participant_id, "meeting": meeting_id, "aud": AUDIENCE, "iat": now, "exp": now + ttl}
        return jwt.encode(claims, self._keys[0], ALGORITHM), now + ttl

    def verify(self, token: str) -> ClientToken:
        """Return the content of a token. Raises Unauthenticated."""
        content = self._content(token)
        if content.expires_at <= datetime.now(UTC):
            raise Unauthenticated(EXPIRED, ProblemCode.INVALID_TOKEN)
        return content

    def _verified(self, token: str) -> ClientToken:
        for key in self._keys:
            try:
                return _decode(token, key)
            except jwt.InvalidSignatureError:
                continue
            except jwt.ExpiredSignatureError:
                raise Unauthenticated(EXPIRED, ProblemCode.INVALID_TOKEN) from None
            except jwt.InvalidTokenError:
                break
        raise Unauthenticated("no valid client token", ProblemCode.INVALID_TOKEN)


def _decode(token: str, key: bytes) -> ClientToken:
    # `iat` is not verified, because the host that signed the token may have a clock a little ahead of this one.
    options: jwt.types.Options = {"require": REQUIRED_CLAIMS, "verify_iat": False}
    claims = jwt.decode(token, key, algorithms=[ALGORITHM], audience=AUDIENCE, options=options)
    return ClientToken(str(claims["sub"]), str(claims["meeting"]), datetime.fromtimestamp(claims["exp"], UTC))
