"""What may have been meant by a name that is not known."""

import typing
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a question about the known name that is most like this one; empty when none is like it."""
    close = get_close_matches(name, list(known), n=1)
    return f": did you mean {close[0]}?" if close else ""


def names_beside(body: Any, loc: Sequence[str | int]) -> list[str]:
    """Return the fields that a body of this type has where `loc` leads, but for its last step."""
    here = [body]
    for step in loc[:-1]:
        models = [model for each in here for model in _models(each)]
        if isinstance(step, str):
            here = [model.model_fields[step].annotation for model in models if step in model.model_fields]
    return [name for each in here for model in _models(each) for name in model.model_fields]


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    """Yield the models in a type: itself, or those in its union, list or annotation."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in typing.get_args(kind):
        yield from _models(inner)
