"""Taking people's names out of what is stored: their ids get stand-ins, and texts that may name them are replaced.

The stand-in of a person is a keyed hash of their id in their meeting. So it is the same wherever they stood, and it
tells that somebody has been there before, although nobody can read from it who that was.
"""

import hmac
import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import Any

PREFIX = "erased-"
STAND_IN = re.compile(r"erased-[0-9a-f]{20}")
ERASED_TEXT = "erased, because it may name a person"
"""What is stored in place of a text."""
SHORTEST_WORD = 3
"""Characters of a part of a name, without which a text may name nobody by it."""

SHORTEST_INFLECTED = 4
"""Characters of a name that may have any ending: shorter ones begin too many words."""
ENDING = r"[^\W\d_]{0,3}"
BETWEEN_PARTS = re.compile(r"[\W\d_]+")
NO_LETTER_BEFORE, NO_LETTER_AFTER = r"(?<![^\W_])", r"(?![^\W_])"
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]"
)
"""Letters of scripts in which words, or what is added to them, follow each other without blanks."""

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


def _plain(text: str) -> str:
    """Return a text as it is compared: without case, accents, and forms of one letter that look alike."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(it for it in apart if not unicodedata.combining(it))


def _may_stand_alone(part: str) -> bool:
    return len(part) >= SHORTEST_WORD or (len(part) > 1 and UNSPACED.match(part) is not None)


def _in_text(name: str) -> str:
    """Return the pattern of a name in a text. It may have an ending, and need not stand alone where words do not."""
    before = "" if UNSPACED.match(name) else NO_LETTER_BEFORE
    if UNSPACED.match(name[-1]):
        return before + re.escape(name)
    return before + re.escape(name) + (ENDING if len(name) >= SHORTEST_INFLECTED else "s?") + NO_LETTER_AFTER


def _any_of(ids: Collection[str], words: Collection[str]) -> re.Pattern[str] | None:
    """Return the pattern of all that people are called, the longest first; None for nobody."""
    called = {_plain(word) for word in (*ids, *words)}
    parts = {part for word in map(_plain, words) for part in BETWEEN_PARTS.split(word) if _may_stand_alone(part)}
    named = sorted((called | parts) - {""}, key=len, reverse=True)
    return re.compile("|".join(map(_in_text, named))) if named else None


class Eraser:
    """Replaces ids of people, and texts that may name them."""

    def __init__(self, stand_ins: Mapping[str, str], words: Collection[str] = (), *, all_texts: bool = False) -> None:
        """Take the stand-ins by id, and what else people are called. With `all_texts` every text is replaced."""
        self._stand_ins = stand_ins
        self._all_texts = all_texts
        self._named = None if all_texts else _any_of(stand_ins, words)

    def text(self, text: str) -> str:
        """Return a text, or what is stored in its place."""
        may_name = self._all_texts or (self._named is not None and self._named.search(_plain(text)) is not None)
        return ERASED_TEXT if may_name else text

    def name(self, custom_participant_id: str) -> str:
        """Return an id, or what stands for it."""
        return self._stand_ins.get(custom_participant_id, custom_participant_id)

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
        if isinstance(who, str) and (name := self.name(who)) != who:
            new_fields |= self._of_person(value, name)
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


class EraserOfAll(Eraser):
    """Replaces the ids of whoever is named, also of people of whom nothing else is stored any more, and all texts."""

    def __init__(self, hash_key: str, meeting_id: str) -> None:
        """Take what the stand-ins of a meeting's people are made of."""
        super().__init__({}, all_texts=True)
        self._hash_key, self._meeting_id = hash_key, meeting_id

    def name(self, custom_participant_id: str) -> str:
        """Return what stands for somebody."""
        return stand_in(self._hash_key, self._meeting_id, custom_participant_id)
