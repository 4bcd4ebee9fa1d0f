"""Kinds of fields in bodies of requests: texts, ids, numbers and times that are bounded and can be stored."""

import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from schemas.texts import shows_nothing, trimmed

LONGEST_NAME = 200
"""How many characters a name or an id has at most."""
CONTROLS = ("Cc", "Zl", "Zp")
"""Unicode's categories of characters that control a line or end it."""


def _without_controls(text: str) -> str:
    """Refuse control characters: PostgreSQL stores no NUL, a table has no lines in a cell, nobody sees the others."""
    if any(unicodedata.category(character) in CONTROLS for character in text):
        raise ValueError("must not contain control characters")
    return text


def _without_blanks_at_its_ends(text: str) -> str:
    """Refuse what no table, log or address shows as it is."""
    if text != trimmed(text):
        raise ValueError("must not begin or end with a blank")
    return text


def _not_blank(text: str) -> str:
    if shows_nothing(text):
        raise ValueError("must not be blank")
    return text


def _start(value: Any) -> Any:
    """Parse "now", "manual", or a time."""
    if value in ("now", "manual"):
        return value
    try:
        return _time(value)
    except ValueError as error:
        raise ValueError(f'must be "now", "manual" or a time: {error}') from None


def _time(value: Any) -> datetime:
    """Parse a time, `T` and `Z` in either case. Pydantic alone would read a bare number as seconds since 1970."""
    try:
        time = datetime.fromisoformat(value.upper())
    except (AttributeError, TypeError, ValueError):
        raise ValueError("must be a time as in RFC 3339") from None
    if time.tzinfo is None:
        raise ValueError("a time needs its offset from UTC, or Z")
    if not datetime(2000, 1, 1, tzinfo=UTC) <= time <= datetime(2200, 1, 1, tzinfo=UTC):
        raise ValueError("must lie between the years 2000 and 2200")
    return time.astimezone(UTC)


def whole(least: int, most: int) -> Any:
    """Return the field of a bounded whole number. Neither "4" nor true is one."""
    return Field(strict=True, ge=least, le=most)


Clean = AfterValidator(_without_controls)
Name = Annotated[
    str, Field(min_length=1, max_length=LONGEST_NAME), Clean, AfterValidator(_not_blank), AfterValidator(trimmed)
]
"""A name is stored without blanks at its ends, because in a table or a list two that differ in them are one."""
PersonId = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_NAME),
    Clean,
    AfterValidator(_not_blank),
    AfterValidator(_without_blanks_at_its_ends),
]
PersonName = Annotated[str, Field(max_length=LONGEST_NAME), Clean]
Preset = Annotated[str, Field(min_length=1, max_length=100), Clean]
RowId = Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]
Time = Annotated[datetime, BeforeValidator(_time, json_schema_input_type=datetime)]
Start = Annotated[Literal["now", "manual"] | datetime, BeforeValidator(_start)]
AttributeName = Annotated[str, Field(min_length=1, max_length=100), Clean]
Attributes = Annotated[
    dict[
        AttributeName,
        Annotated[str, Field(max_length=500), Clean],
    ],
    Field(max_length=50),
]
