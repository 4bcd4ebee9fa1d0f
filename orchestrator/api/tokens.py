"""Client tokens: a signed JWT that is good for one participant of one meeting, and only under /v1/seat."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt

from orchestrator.errors import Unauthenticated
from orchestrator.store.secrets import subkey

ALGORITHM = "HS256"
AUDIENCE = "seat"
CLAIMS = ["sub", "meeting", "aud", "iat", "exp"]


@dataclass(frozen=True)
class Person:
    """Whose browser it is, and until when it may speak for them."""

    participant_id: str
    meeting_id: str
    until: datetime


class ClientTokens:
    """Signs with the newest secret, and accepts what any of them has signed, so that secrets can be rotated."""

    def __init__(self, secrets: list[str]) -> None:
        self._keys = [subkey(secret, "client tokens") for secret in secrets]

    def issue(self, participant_id: str, meeting_id: str, ttl: timedelta) -> tuple[str, datetime]:
        """A token, and when it expires (whole seconds)."""
        now = datetime.now(UTC).replace(microsecond=0)
        claims = {"sub": participant_id, "meeting": meeting_id, "aud": AUDIENCE, "iat": now, "exp": now + ttl}
        return jwt.encode(claims, self._keys[0], ALGORITHM), now + ttl

    def person(self, token: str) -> Person:
        """Whose token it is. Raises Unauthenticated."""
        for key in self._keys:
            try:
                return _person(token, key)
            except jwt.InvalidSignatureError:
                continue
            except jwt.ExpiredSignatureError:
                raise Unauthenticated("the client token has expired") from None
            except jwt.InvalidTokenError:
                break
        raise Unauthenticated("no valid client token")


def _person(token: str, key: bytes) -> Person:
    # `iat` is not compared with this host's clock: another host of ours, a little ahead, may have signed.
    options: jwt.types.Options = {"require": CLAIMS, "verify_iat": False}
    claims = jwt.decode(token, key, algorithms=[ALGORITHM], audience=AUDIENCE, options=options)
    return Person(str(claims["sub"]), str(claims["meeting"]), datetime.fromtimestamp(claims["exp"], UTC))
