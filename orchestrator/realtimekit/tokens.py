"""The times that a participant's token names. It is a JWT of RealtimeKit's, which we can't and need not verify."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import jwt


def issued_and_expires(token: str) -> tuple[datetime | None, datetime | None]:
    """Return when a token was issued and when it ends; None for what it does not name."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return None, None
    return _moment(claims, "iat"), _moment(claims, "exp")


def _moment(claims: Mapping[str, Any], name: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(claims[name]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
