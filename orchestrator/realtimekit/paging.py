"""Reads paged lists, because the SDK pages none of RealtimeKit's.

RealtimeKit documents neither the number of the first page, nor how many items a page may have, and not every list has
totals. So the answers decide, and a process remembers what they have shown.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import OutcomeUnknown, Refused
from orchestrator.realtimekit import answers
from orchestrator.realtimekit.answers import Body

ITEMS_PER_PAGE = 100
"""How many we ask for; RealtimeKit may give fewer, or refuse the number."""
SMALLEST_CAP_ITEMS = 10
"""No API caps its pages below this. Without `paging` in the answer, a shorter page is therefore the last one.

So is a page that is shorter than another page of the same operation was, unless it may be full all the same.
"""
CAPS = (5, 16)
"""Caps are multiples of these. Without `paging`, such a page may be full, also where longer ones came before.

RealtimeKit may lower its cap at any time, and who was on the next page would count as gone.
"""
MAX_PAGES = 200
MALFORMED = (400, 422)
"""The statuses with which an API refuses a parameter."""

Fetch = Callable[[Mapping[str, Any]], Awaitable[Body]]
"""Fetches the page that these parameters name: `page_no`, and `per_page` unless RealtimeKit refuses it."""


@dataclass(frozen=True)
class Page:
    """One page of a list."""

    items: list[dict[str, Any]]
    start: float | None
    """`start_offset`; None where the answer has no totals."""
    end: float | None
    total: float | None
    is_last: bool


class Pager:
    """Reads lists, and remembers how RealtimeKit pages them. Pages count from 1 here, whatever RealtimeKit does."""

    def __init__(self) -> None:
        self._per_page: int | None = ITEMS_PER_PAGE
        self._first: int | None = None
        """RealtimeKit's number of the first page; None until an answer has shown it."""
        self._longest: dict[str, int] = {}
        """By operation, how many items its longest page had."""

    async def all(self, operation: str, fetch: Fetch, *path: str) -> list[dict[str, Any]]:
        """Return every item of a list whose items are at `path`, each id once.

        A page without a new item ends the list, whatever the totals say. Raises OutcomeUnknown after MAX_PAGES.
        """
        found: dict[str, dict[str, Any]] = {}
        for number in range(1, MAX_PAGES + 1):
            page = await self.page(operation, fetch, number, *path)
            if number == 2 and self._first == 0 and page.items and not _ids(page) - set(found):
                self._first = 1  # RealtimeKit gives page 1 for page 0
                page = await self.page(operation, fetch, number, *path)
            before = len(found)
            for item in page.items:
                found.setdefault(str(item.get("id")), item)
            if page.is_last or len(found) == before:
                return list(found.values())
        raise OutcomeUnknown(f"garbled answer: no end after {MAX_PAGES} pages")

    async def page(self, operation: str, fetch: Fetch, number: int, *path: str) -> Page:
        """Return one page of a list, with the number that it has here."""
        if number == 1 or self._first is None:
            first = await self._first_page(operation, fetch, *path)
            if number == 1:
                return first
        return await self._ask(operation, fetch, number - 1 if self._first == 0 else number, *path)

    async def _first_page(self, operation: str, fetch: Fetch, *path: str) -> Page:
        """Return the first page, and learn its number where the answer shows it."""
        if self._first == 0:
            return await self._ask(operation, fetch, 0, *path)
        page = await self._ask(operation, fetch, 1, *path)
        if self._is_first(page):
            self._first = 1 if page.items else self._first
            return page
        try:
            before = await self._ask(operation, fetch, 0, *path)
        except Refused:
            self._first = 1
            return page
        if not before.items or _ids(before) & _ids(page):
            self._first = 1 if page.items else self._first
            return page
        certain = page.items or page.total  # else the list may just have begun to show its items
        self._first = 0 if certain else None
        return before

    def _is_first(self, page: Page) -> bool:
        """Return whether page 1 is certainly the first: by its totals, or because page 1 always was."""
        if page.start is not None:
            return page.start <= 1 if page.items else not page.total
        return bool(page.items) and self._first == 1

    async def _ask(self, operation: str, fetch: Fetch, page_no: int, *path: str) -> Page:
        """Fetch a page by RealtimeKit's number of it, in its default size if it refuses ours."""
        number: dict[str, Any] = {"page_no": page_no}
        if self._per_page is None:
            return self._read(operation, await fetch(number), *path)
        try:
            body = await fetch({**number, "per_page": self._per_page})
        except Refused as error:
            if error.status not in MALFORMED:
                raise
            body = await fetch(number)
            self._per_page = None
        return self._read(operation, body, *path)

    def _read(self, operation: str, body: Body, *path: str) -> Page:
        items = answers.list_at(body, *path)
        longest = self._longest[operation] = max(len(items), self._longest.get(operation, 0))
        start, end, total = _totals(body)
        enough = _is_short(len(items), longest) if end is None or total is None else end >= total
        return Page(items, start, end, total, is_last=not items or enough)


def _is_short(items: int, longest: int) -> bool:
    """Return whether a page with so many items is certainly not full."""
    may_be_cap = any(items % cap == 0 for cap in CAPS)
    return items < SMALLEST_CAP_ITEMS or (items < longest and not may_be_cap)


def _ids(page: Page) -> set[str]:
    return {str(item.get("id")) for item in page.items}


def _totals(body: Body) -> tuple[float, float, float] | tuple[None, None, None]:
    """Return `start_offset`, `end_offset` and `total_count`, or none of them."""
    paging = body.get("paging")
    if not isinstance(paging, dict):
        return None, None, None
    start, end, total = paging.get("start_offset"), paging.get("end_offset"), paging.get("total_count")
    if isinstance(start, int | float) and isinstance(end, int | float) and isinstance(total, int | float):
        return start, end, total
    return None, None, None
