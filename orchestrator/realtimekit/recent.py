"""Reads the new items of a list that may be long, in whichever order RealtimeKit gives it."""

import operator
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import pairwise
from math import ceil
from typing import Any

from orchestrator.realtimekit.paging import Fetch, Page, Pager
from orchestrator.realtimekit.records import moment

MOST_PAGES = 20
"""How many pages are read at most, which matters where a list is not in the order of creation."""

Items = list[dict[str, Any]]


async def created_since(pager: Pager, operation: str, fetch: Fetch, since: datetime) -> Items:
    """Return the items of `data` that were created since then, or whose `created_at` is unreadable.

    The order of the list is undocumented. One from new to old is read from its beginning to the first older item, one
    from old to new from its end, and any other as far as MOST_PAGES go. Items may be repeated.
    """
    page = await pager.page(operation, fetch, 1, "data")
    found = new = _new(page.items, since)
    is_new_to_old, is_old_to_new = _is_ordered(page.items, operator.ge), _is_old_to_new(page)
    if page.is_last or (is_new_to_old and len(new) < len(page.items)):
        return found
    for number in _from_the_end(page) if is_old_to_new else range(2, MOST_PAGES + 1):
        page = await pager.page(operation, fetch, number, "data")
        new = _new(page.items, since)
        found = found + new
        is_over = len(new) < len(page.items) if is_new_to_old or is_old_to_new else False
        if is_over or (page.is_last and not is_old_to_new):
            break
    return found


def _is_old_to_new(first: Page) -> bool:
    """Whether the list is from old to new, and its last page can be asked for."""
    return first.total is not None and _is_ordered(first.items, operator.le)


def _from_the_end(first: Page) -> Iterable[int]:
    """Return the numbers of the last pages, from the last on."""
    assert first.total is not None
    last = ceil(first.total / len(first.items))
    return range(last, max(1, last - MOST_PAGES), -1)


def _is_ordered(items: Items, in_order: Callable[[Any, Any], bool]) -> bool:
    times = [moment(item, "created_at") for item in items]
    return None not in times and all(in_order(one, other) for one, other in pairwise(times))


def _new(items: Items, since: datetime) -> Items:
    return [item for item in items if (created := moment(item, "created_at")) is None or created >= since]
