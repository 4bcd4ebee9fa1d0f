"""Taking people's names out of what is stored: their ids get stand-ins, and texts that may name them are replaced.

The stand-in of a person is a keyed hash of their id in their meeting. So it is the same wherever they stood, and it
tells that somebody has been there before, although nobody can read from it who that was.
"""

import hmac
import re
from collections.abc import Collection, Mapping
from typing import Any

PREFIX = "erased-"
STAND_IN = re.compile(r"erased-[0-9a-f]{20}")
ERASED_TEXT = "erased, because it may name a person"
"""What is stored in place of a text."""
SHORTEST_WORD = 3
"""Characters of a part of a name, without which a text may name nobody by it."""

ID_KEYS = frozenset({"custom_participant_id", "facilitators", "unassigned", "together", "apart", "actor"})
"""The fields of events and answers that hold ids of people, alone or in lists."""
TEXT_KEYS = frozenset({"detail", "error", "text", "why", "question"})
"""The fields whose text may name somebody."""
ACTORS_WITH_ID = ("host:", "participant:")


def stand_in(hash_key: str, meeting_id: str, custom_participant_id: str) -> str:
    """Return what stands for a person of a meeting when their own id may not be stored any more."""
    if is_stand_in(custom_participant_id):
        return custom_participant_id
    who = f"{meeting_id}\n{custom_participant_id}".encode()
    return PREFIX + hmac.digest(bytes.fromhex(hash_key), who, "sha256").hex()[:20]


def is_stand_in(custom_participant_id: str) -> bool:
    """Return whether this is no id of a caller's, but what stands for one."""
    return STAND_IN.fullmatch(custom_participant_id) is not None


class Eraser:
    """Replaces ids of people, and texts that may name them."""

    def __init__(self, stand_ins: Mapping[str, str], words: Collection[str] = (), *, all_texts: bool = False) -> None:
        """Take the stand-ins by id, and what else people are called. With `all_texts` every text is replaced."""
        self.stand_ins = stand_ins
        self._all_texts = all_texts
        parts = {part for word in words for part in word.split() if len(part) >= SHORTEST_WORD}
        named = sorted({*stand_ins, *words, *parts} - {""}, key=len, reverse=True)
        choice = "|".join(map(re.escape, named))
        self._named = re.compile(rf"(?<!\w)(?:{choice})(?!\w)", re.IGNORECASE) if named else None

    def text(self, text: str) -> str:
        """Return a text, or what is stored in its place."""
        may_name = self._all_texts or (self._named is not None and self._named.search(text) is not None)
        return ERASED_TEXT if may_name else text

    def name(self, custom_participant_id: str) -> str:
        """Return an id, or what stands for it."""
        return self.stand_ins.get(custom_participant_id, custom_participant_id)

    def actor(self, actor: str) -> str:
        """Return who did something, or what stands for them."""
        for kind in ACTORS_WITH_ID:
            if actor.startswith(kind):
                return kind + self.name(actor.removeprefix(kind))
        return actor

    def value(self, value: Any) -> Any:
        """Return the content of JSON without these people. It is the same object where nothing names them."""
        if isinstance(value, list):
            new = [self.value(one) for one in value]
            return value if new == value else new
        if not isinstance(value, dict):
            return value
        new_fields = {key: self._field(key, one) for key, one in value.items()}
        who = value.get("custom_participant_id")
        if isinstance(who, str) and who in self.stand_ins:
            new_fields |= self._of_person(value, self.stand_ins[who])
        return value if new_fields == value else new_fields

    def _field(self, key: str, value: Any) -> Any:
        if key == "actor" and isinstance(value, str):
            return self.actor(value)
        if key in ID_KEYS:
            return self._ids(value)
        if key in TEXT_KEYS and isinstance(value, str):
            return self.text(value)
        return self.value(value)

    def _ids(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.name(value)
        return [self._ids(one) for one in value] if isinstance(value, list) else value

    @staticmethod
    def _of_person(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
        """Return what else an object says about a person, replaced."""
        known: dict[str, Any] = {"name": name, "attributes": {}, "preset_name": None}
        return {key: value for key, value in known.items() if key in fields}
