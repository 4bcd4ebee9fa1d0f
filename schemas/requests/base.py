"""What all bodies of requests have in common."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict

MOST_ROOMS = 500
MOST_PEOPLE = 5000
"""The most people in one body; `POST …/participants` takes 1000."""
LARGEST_SEED = 2**63 - 1
LARGEST_COUNTER = 2**31 - 1


def repeated(values: Iterable[str]) -> list[str]:
    """Return the values that occur more than once."""
    return [value for value, times in Counter(values).items() if times > 1]


def unchanged_by_default(schema: dict[str, Any]) -> None:
    """Describe in the schema of a change that what is left out stays as it is, where creating has a default."""
    for field in schema["properties"].values():
        field.pop("default", None)
        field["description"] = re.sub(r" ?(Default: .*)?$", " Default: unchanged.", field["description"])


class RequestBody(BaseModel):
    """The base of all request bodies. An unknown field is a mistake, and is not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)
