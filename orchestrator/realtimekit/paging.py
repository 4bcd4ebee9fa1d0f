"""Reads paged lists, because the SDK pages none of RealtimeKit's."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from orchestrator.errors import OutcomeUnknown, Refused
from orchestrator.realtimekit import answers
from orchestrator.realtimekit.answers import Body

ITEMS_PER_PAGE = 100
"""How many we ask for; RealtimeKit may give fewer, because its own cap is undocumented."""
SMALLEST_CAP_ITEMS = 10
"""No API caps its pages below this. Without `paging` in the answer, a shorter page is therefore the last one.

So is a page that is shorter than another page of the same operation was.
"""
MAX_PAGES = 200

Fetch = Callable[[int], Awaitable[Body]]


async def one_page(fetch: Fetch, number: int, *path: str) -> tuple[list[dict[str, Any]], bool]:
    """Return the items of one page, and whether it is the last."""
    body = await fetch(number)
    page = answers.list_at(body, *path)
    return page, not page or _is_last(len(page), *_totals(body), capped_at=SMALLEST_CAP_ITEMS)


async def all_pages(fetch: Fetch, *path: str, capped_at: int = SMALLEST_CAP_ITEMS) -> list[dict[str, Any]]:
    """Return every item of a list whose items are at `path`, each id once.

    `fetch` takes the number of a page, from 1. A page without a new item ends the list, whatever the totals say. Where
    there are no totals, a page with fewer than `capped_at` items ends it, too. When items are missing at the end, page
    0 is fetched: whether RealtimeKit counts its pages from 0 is undocumented.
    """
    found: dict[str, dict[str, Any]] = {}
    total: float | None = None
    for number in range(1, MAX_PAGES + 1):
        body = await fetch(number)
        page = answers.list_at(body, *path)
        added = _add_new(found, page)
        total, end = _totals(body)
        if not added or _is_last(len(page), total, end, capped_at):
            break
    else:
        raise OutcomeUnknown(f"garbled answer: no end after {MAX_PAGES} pages")
    if total is not None and len(found) < total:
        with suppress(Refused):
            _add_new(found, answers.list_at(await fetch(0), *path))
    return list(found.values())


def _is_last(items: int, total: float | None, end: float | None, capped_at: int) -> bool:
    if total is None or end is None:
        return items < capped_at
    return end >= total


def _add_new(found: dict[str, dict[str, Any]], page: list[dict[str, Any]]) -> int:
    before = len(found)
    for item in page:
        found.setdefault(str(item.get("id")), item)
    return len(found) - before


def _totals(body: Body) -> tuple[float | None, float | None]:
    """Return `total_count` and `end_offset`, or neither."""
    paging = body.get("paging")
    if not isinstance(paging, dict):
        return None, None
    total, end = paging.get("total_count"), paging.get("end_offset")
    if isinstance(total, int | float) and isinstance(end, int | float):
        return total, end
    return None, None
