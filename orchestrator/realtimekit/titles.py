"""Titles of meetings, which carry our key, because RealtimeKit has no idempotency keys and no other field for one.

The key of a room's meeting is twelve hex digits. The key of a parent meeting begins with `m`, because the two are
treated differently when we no longer know the meeting: a room is ended, a parent is not, as its caller may know it.
"""

import re
import secrets

MAX_TITLE_CHARACTERS = 200
"""RealtimeKit documents no limit; every client can show this much."""


def new_parent_key() -> str:
    """Make a key for a parent meeting that must be made once only."""
    return f"m{secrets.token_hex(6)}"


def title_with_key(name: str, install: str, key: str) -> str:
    """Return `name [install-key]`, with the name cut to MAX_TITLE_CHARACTERS for the whole."""
    ending = _ending(install, key)
    return f"{name[: MAX_TITLE_CHARACTERS - len(ending)]}{ending}"


def ends_with_key(title: str, install: str, key: str) -> bool:
    """Whether `title_with_key` made this title with that key and any name."""
    return title.endswith(_ending(install, key))


def room_key(title: str, install: str) -> str | None:
    """Return the key in the title of a room's meeting; None for any other meeting."""
    return _key(title, install, "[0-9a-f]{12}")


def parent_key(title: str, install: str) -> str | None:
    """Return the key in the title of a parent meeting; None for any other meeting."""
    return _key(title, install, "m[0-9a-f]{12}")


def _key(title: str, install: str, form: str) -> str | None:
    found = re.search(rf" \[{re.escape(install)}-({form})\]$", title)
    return found[1] if found else None


def _ending(install: str, key: str) -> str:
    return f" [{install}-{key}]"
