"""Titles of meetings; RealtimeKit has no idempotency keys and no field for one, so the title carries our key.

The key of a room's meeting is twelve hex digits. That of a parent meeting begins with `m`: a room that nobody knows any
more can be ended, such a parent can't, for its caller may know it.
"""

import hashlib
import hmac
import re
import secrets

LONGEST = 200
"""Characters of a whole title; RealtimeKit documents no limit, and this much is shown anywhere."""


def install_id(secret: str) -> str:
    """Eight hex digits that tell this deployment's rooms from those of another in the same RealtimeKit app."""
    return hmac.new(secret.encode(), b"breakouts install", hashlib.sha256).hexdigest()[:8]


def new_parent_key() -> str:
    """A key for a parent meeting that is to be made once."""
    return f"m{secrets.token_hex(6)}"


def title_with_key(name: str, install: str, key: str) -> str:
    """`Room 1 [install-key]`, with the name cut where the whole would be longer than 200 characters."""
    ending = _ending(install, key)
    return f"{name[: LONGEST - len(ending)]}{ending}"


def ends_with_key(title: str, install: str, key: str) -> bool:
    """Whether this is the very title that `title_with_key` made with that key, whatever the name was then."""
    return title.endswith(_ending(install, key))


def room_key(title: str, install: str) -> str | None:
    """The key of the room whose meeting has this title; None for anybody else's meeting, and for a parent."""
    return _key(title, install, "[0-9a-f]{12}")


def parent_key(title: str, install: str) -> str | None:
    """The key of the parent meeting that was made with this title; None for any other meeting."""
    return _key(title, install, "m[0-9a-f]{12}")


def _key(title: str, install: str, form: str) -> str | None:
    found = re.search(rf" \[{re.escape(install)}-({form})\]$", title)
    return found[1] if found else None


def _ending(install: str, key: str) -> str:
    return f" [{install}-{key}]"
