"""Paged lists come whole, whatever the page sizes and totals, and always end."""

import asyncio
from typing import Any

import pytest

from orchestrator.errors import OutcomeUnknown, Refused
from orchestrator.realtimekit.paging import MAX_PAGES, all_pages


class Pages:
    """A list of `items` items in pages of `size`, like an API that caps its pages."""

    def __init__(self, items: int, size: int, *, totals: bool = True, first: int = 1) -> None:
        self._ids = [str(number) for number in range(items)]
        self._size, self._totals, self._first = size, totals, first
        self.asked: list[int] = []

    async def __call__(self, number: int) -> dict[str, Any]:
        """Return a page."""
        self.asked.append(number)
        start = (max(number, self._first) - self._first) * self._size
        chosen = self._ids[start : start + self._size]
        answer: dict[str, Any] = {"success": True, "data": {"things": [{"id": each} for each in chosen]}}
        if self._totals:
            end = min(start + self._size, len(self._ids))
            answer["paging"] = {"total_count": len(self._ids), "start_offset": start + 1, "end_offset": end}
        return answer

    def walk(self) -> list[str]:
        """Return the ids that `all_pages` finds."""
        return [item["id"] for item in asyncio.run(all_pages(self, "data", "things"))]


@pytest.mark.parametrize(
    ("items", "size", "calls"), [(0, 100, 1), (1, 100, 1), (100, 100, 1), (101, 100, 2), (95, 30, 4), (20, 20, 1)]
)
def test_every_page_is_fetched_and_no_more(items: int, size: int, calls: int) -> None:
    pages = Pages(items, size)
    assert len(set(pages.walk())) == items
    assert pages.asked == list(range(1, calls + 1))


@pytest.mark.parametrize(("items", "size"), [(0, 20), (3, 20), (15, 20), (20, 20), (55, 20), (230, 100)])
def test_without_totals_the_list_is_whole(items: int, size: int) -> None:
    pages = Pages(items, size, totals=False)
    assert len(set(pages.walk())) == items
    assert len(pages.asked) <= items // size + 2


@pytest.mark.parametrize(("items", "size"), [(3, 100), (100, 100), (250, 100)])
def test_pages_that_are_counted_from_0_are_all_found(items: int, size: int) -> None:
    assert len(set(Pages(items, size, first=0).walk())) == items


def test_a_server_that_repeats_its_page_ends_the_list() -> None:
    asked: list[int] = []

    async def same_page(number: int) -> dict[str, Any]:
        asked.append(number)
        page = [{"id": str(each)} for each in range(50)]
        return {"success": True, "data": page, "paging": {"total_count": 1000, "start_offset": 1, "end_offset": 50}}

    assert len(asyncio.run(all_pages(same_page, "data"))) == 50
    assert asked == [1, 2, 0]


def test_a_list_without_end_is_garbled() -> None:
    async def ever_new(number: int) -> dict[str, Any]:
        return {"success": True, "data": [{"id": f"{number}-{each}"} for each in range(10)]}

    with pytest.raises(OutcomeUnknown, match=f"no end after {MAX_PAGES} pages"):
        asyncio.run(all_pages(ever_new, "data"))


@pytest.mark.parametrize("data", [None, {}, "x", [None], [1]])
def test_an_answer_without_a_list_is_garbled(data: Any) -> None:
    async def garbled(_: int) -> dict[str, Any]:
        return {"success": True, "data": data}

    with pytest.raises(OutcomeUnknown, match="not a list"):
        asyncio.run(all_pages(garbled, "data"))


def test_a_refused_page_0_leaves_what_was_found() -> None:
    async def shrinking(number: int) -> dict[str, Any]:
        if number == 0:
            raise Refused("page_no must be positive", status=400)
        page = [{"id": "1"}] if number == 1 else []
        return {"success": True, "data": page, "paging": {"total_count": 2, "start_offset": 1, "end_offset": 1}}

    assert asyncio.run(all_pages(shrinking, "data")) == [{"id": "1"}]
