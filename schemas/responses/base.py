"""What all bodies of responses have in common."""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")


class ResponseBody(BaseModel):
    """The base of all response bodies. Times are aware UTC, and are written as in RFC 3339 with `Z`."""

    model_config = ConfigDict(frozen=True)


class Page(ResponseBody, Generic[Item]):
    """One page of a list; `next_cursor` is null on the last."""

    items: list[Item] = Field(description="One page of them.")
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last.")
