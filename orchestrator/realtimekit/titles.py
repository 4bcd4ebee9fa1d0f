"""Titles of child meetings; RealtimeKit has no idempotency keys and no field for one, so the title carries our key."""

import hashlib
import hmac

LONGEST = 200
"""Characters of a whole title; RealtimeKit documents no limit, and this much is shown anywhere."""


def install_id(secret: str) -> str:
    """Eight hex digits that tell this deployment's rooms from those of another in the same RealtimeKit app."""
    return hmac.new(secret.encode(), b"breakouts install", hashlib.sha256).hexdigest()[:8]


def child_title(name: str, install: str, room_key: str) -> str:
    """`Room 1 [install-key]`, with the name cut where the whole would be longer than 200 characters."""
    ending = _ending(install, room_key)
    return f"{name[: LONGEST - len(ending)]}{ending}"


def ends_with_key(title: str, install: str, room_key: str) -> bool:
    """Whether this is the very title that `child_title` gave that room, whatever it was called then."""
    return title.endswith(_ending(install, room_key))


def _ending(install: str, room_key: str) -> str:
    return f" [{install}-{room_key}]"
