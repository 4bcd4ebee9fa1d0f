"""Client tokens: signed JWTs, each good for one participant of one meeting under /v1/seat; those of hosts also beyond.

A token carries its person's number. Whoever takes a person's tokens back raises that, so no list of tokens is needed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import jwt

from orchestrator.errors import Unauthenticated, WrongCredentials
from orchestrator.store.secrets import subkey
from schemas.problems import ProblemCode
from schemas.states import TokenScope

ALGORITHM = "HS256"
AUDIENCE = "breakouts"
REQUIRED_CLAIMS = ["sub", "meeting", "number", "scope", "aud", "iat", "exp"]
EXPIRED = "the client token has expired"
KNOWN_MOST = 20_000
"""How many verified tokens a process remembers. A browser sends the same one again and again, for hours."""


@dataclass(frozen=True)
class ClientToken:
    """The content of a verified client token."""

    participant_id: str
    meeting_id: str
    expires_at: datetime
    number: int = 0
    """Good while it is the person's own."""
    scope: TokenScope = TokenScope.SEAT

    @property
    def has_expired(self) -> bool:
        """Whether its time is over."""
        return self.expires_at <= datetime.now(UTC)


class ClientTokens:
    """Signs tokens with the newest secret and accepts any of the secrets, so that secrets can be rotated."""

    def __init__(self, secrets: list[str]) -> None:
        self._keys = [subkey(secret, "client tokens") for secret in secrets]
        self._content = lru_cache(KNOWN_MOST)(self._verified)

    def issue(
        self,
        participant_id: str,
        meeting_id: str,
        ttl: timedelta,
        *,
        number: int = 0,
        scope: TokenScope = TokenScope.SEAT,
    ) -> tuple[str, datetime]:
        """Sign a token. Returns it with its expiry, in whole seconds."""
        now = datetime.now(UTC).replace(microsecond=0)
        of_whom = {"sub": participant_id, "meeting": meeting_id, "number": number, "scope": scope.value}
        claims = {**of_whom, "aud": AUDIENCE, "iat": now, "exp": now + ttl}
        return jwt.encode(claims, self._keys[0], ALGORITHM), now + ttl

    def verify(self, token: str) -> ClientToken:
        """Return the content of a token. Raises Unauthenticated, WrongCredentials for what is no token of ours."""
        content = self._content(token)
        if content.has_expired:
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
            except (jwt.InvalidTokenError, ValueError):
                break
        raise WrongCredentials("no valid client token", ProblemCode.INVALID_TOKEN)


def _decode(token: str, key: bytes) -> ClientToken:
    # `iat` is not verified, because the host that signed the token may have a clock a little ahead of this one.
    options: jwt.types.Options = {"require": REQUIRED_CLAIMS, "verify_iat": False}
    claims = jwt.decode(token, key, algorithms=[ALGORITHM], audience=AUDIENCE, options=options)
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    return ClientToken(
        str(claims["sub"]), str(claims["meeting"]), expires_at, int(claims["number"]), TokenScope(claims["scope"])
    )
