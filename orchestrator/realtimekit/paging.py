"""Lists are paged by hand: the SDK pages none of RealtimeKit's."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from orchestrator.errors import OutcomeUnknown, Refused
from orchestrator.realtimekit import answers
from orchestrator.realtimekit.answers import Answer

PER_PAGE = 100
"""What we ask for; the largest page that RealtimeKit gives is undocumented, so a shorter one proves nothing."""
TINY_PAGE = 10
"""No API caps its pages below this: without `paging` in the answer a shorter page is the last one.

So is one that is shorter than another page of the same kind of list ever was.
"""
MOST_PAGES = 200

Fetch = Callable[[int], Awaitable[Answer]]


async def one_page(fetch: Fetch, number: int, *path: str) -> tuple[list[dict[str, Any]], bool]:
    """The items of one page, and whether it is the last."""
    answer = await fetch(number)
    page = answers.listing(answer, *path)
    return page, not page or _is_last(len(page), *_totals(answer), capped_at=TINY_PAGE)


async def all_pages(fetch: Fetch, *path: str, capped_at: int = TINY_PAGE) -> list[dict[str, Any]]:
    """Every item of a list whose items sit at `path`, each id once.

    `fetch` gets the page's number, from 1. A page that brings nothing new ends the list, whatever the totals say; where
    there are none, so does one with less than `capped_at` items. Should the numbers turn out to begin at 0
    (undocumented), the first page is fetched at the end.
    """
    found: dict[str, dict[str, Any]] = {}
    total: float | None = None
    for number in range(1, MOST_PAGES + 1):
        answer = await fetch(number)
        page = answers.listing(answer, *path)
        fresh = _add(found, page)
        total, end = _totals(answer)
        if not fresh or _is_last(len(page), total, end, capped_at):
            break
    else:
        raise OutcomeUnknown(f"garbled answer: no end after {MOST_PAGES} pages")
    if total is not None and len(found) < total:
        with suppress(Refused):
            _add(found, answers.listing(await fetch(0), *path))
    return list(found.values())


def _is_last(length: int, total: float | None, end: float | None, capped_at: int) -> bool:
    if total is None or end is None:
        return length < capped_at
    return end >= total


def _add(found: dict[str, dict[str, Any]], page: list[dict[str, Any]]) -> int:
    before = len(found)
    for item in page:
        found.setdefault(str(item.get("id")), item)
    return len(found) - before


def _totals(answer: Answer) -> tuple[float | None, float | None]:
    paging = answer.get("paging")
    if not isinstance(paging, dict):
        return None, None
    total, end = paging.get("total_count"), paging.get("end_offset")
    if isinstance(total, int | float) and isinstance(end, int | float):
        return total, end
    return None, None
