"""Paged lists come whole, whatever the page sizes, totals and first page, and always end."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from orchestrator.errors import OutcomeUnknown, Refused
from orchestrator.realtimekit.paging import MAX_PAGES, Fetch, Pager


class Pages:
    """A list of `items` items in pages of `size`, like an API that caps its pages."""

    def __init__(self, items: int, size: int, *, totals: bool = True, first: int = 1, most: int = 1000) -> None:
        self._ids = [str(number) for number in range(items)]
        self._size, self._totals, self._first, self._most = size, totals, first, most
        self.asked: list[int] = []

    async def __call__(self, page: Mapping[str, Any]) -> dict[str, Any]:
        """Return a page."""
        self.asked.append(page["page_no"])
        if page.get("per_page", 0) > self._most:
            raise Refused(f"per_page must be at most {self._most}", status=400)
        start = (max(page["page_no"], self._first) - self._first) * self._size
        chosen = self._ids[start : start + self._size]
        answer: dict[str, Any] = {"success": True, "data": {"things": [{"id": each} for each in chosen]}}
        if self._totals:
            end = min(start + self._size, len(self._ids))
            answer["paging"] = {"total_count": len(self._ids), "start_offset": start + 1, "end_offset": end}
        return answer

    def walk(self, pager: Pager | None = None) -> list[str]:
        """Return the ids of the whole list."""
        return [item["id"] for item in whole(self, "data", "things", pager=pager)]


def whole(fetch: Fetch, *path: str, pager: Pager | None = None) -> list[dict[str, Any]]:
    return asyncio.run((pager or Pager()).all("things", fetch, *path))


@pytest.mark.parametrize(
    ("items", "size", "calls"), [(0, 100, 1), (1, 100, 1), (100, 100, 1), (101, 100, 2), (95, 30, 4), (20, 20, 1)]
)
def test_every_page_is_fetched_and_no_more(items: int, size: int, calls: int) -> None:
    pages = Pages(items, size)
    assert len(set(pages.walk())) == items
    assert pages.asked == list(range(1, calls + 1))


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(("items", "size"), [(0, 20), (3, 20), (15, 20), (20, 20), (55, 20), (230, 100)])
def test_without_totals_the_list_is_whole(items: int, size: int, first: int) -> None:
    pages = Pages(items, size, totals=False, first=first)
    assert len(set(pages.walk())) == items
    assert len(pages.asked) <= items // size + 5


@pytest.mark.parametrize("cap", [10, 16, 20, 25, 30, 32, 48, 50, 64, 100])
def test_a_list_without_totals_is_whole_after_the_cap_was_lowered(cap: int) -> None:
    pager = Pager()
    Pages(230, 200, totals=False).walk(pager)
    for items in (cap, cap + 1, 2 * cap + 3):
        assert len(set(Pages(items, cap, totals=False).walk(pager))) == items


@pytest.mark.parametrize("items", [3, 9, 22, 99])
def test_a_page_that_is_surely_short_costs_no_other_call(items: int) -> None:
    pager = Pager()
    Pages(230, 100, totals=False).walk(pager)
    pages = Pages(items, 100, totals=False)
    assert (len(pages.walk(pager)), pages.asked) == (items, [1])


@pytest.mark.parametrize(("items", "size"), [(3, 100), (100, 100), (250, 100)])
def test_pages_that_are_counted_from_0_are_all_found(items: int, size: int) -> None:
    assert len(set(Pages(items, size, first=0).walk())) == items


@pytest.mark.parametrize("totals", [False, True])
@pytest.mark.parametrize("first", [0, 1])
def test_the_number_of_the_first_page_is_learnt_once(first: int, totals: bool) -> None:
    pager, later = Pager(), Pages(40, 20, totals=totals, first=first)
    Pages(40, 20, totals=totals, first=first).walk(pager)
    assert len(later.walk(pager)) == 40
    assert later.asked[:2] == [first, first + 1]


@pytest.mark.parametrize("totals", [False, True])
@pytest.mark.parametrize(("first", "then"), [(0, 1), (1, 0)])
def test_what_was_learnt_is_corrected(first: int, then: int, totals: bool) -> None:
    pager = Pager()
    Pages(40, 20, totals=totals, first=first).walk(pager)
    assert len(Pages(15, 20, totals=totals, first=then).walk(pager)) == 15
    assert len(Pages(40, 20, totals=totals, first=then).walk(pager)) == 40


def test_a_full_page_without_a_next_one_unlearns_nothing() -> None:
    pager = Pager()
    for items in (40, 20, 40):
        assert len(Pages(items, 20, totals=False, first=0).walk(pager)) == items


@pytest.mark.parametrize("totals", [False, True])
def test_a_number_of_items_that_is_refused_is_not_asked_for_again(totals: bool) -> None:
    pager, later = Pager(), Pages(45, 20, totals=totals, most=50)
    assert len(Pages(45, 20, totals=totals, most=50).walk(pager)) == 45
    assert len(later.walk(pager)) == 45
    assert later.asked == [1, 2, 3]


def test_a_server_that_repeats_its_page_ends_the_list() -> None:
    asked: list[int] = []

    async def same_page(page: Mapping[str, Any]) -> dict[str, Any]:
        asked.append(page["page_no"])
        items = [{"id": str(each)} for each in range(50)]
        return {"success": True, "data": items, "paging": {"total_count": 1000, "start_offset": 1, "end_offset": 50}}

    assert len(whole(same_page, "data")) == 50
    assert asked == [1, 2]


def test_a_list_without_end_is_garbled() -> None:
    async def ever_new(page: Mapping[str, Any]) -> dict[str, Any]:
        return {"success": True, "data": [{"id": f"{page['page_no']}-{each}"} for each in range(10)]}

    with pytest.raises(OutcomeUnknown, match=f"no end after {MAX_PAGES} pages"):
        whole(ever_new, "data")


@pytest.mark.parametrize("data", [None, {}, "x", [None], [1]])
def test_an_answer_without_a_list_is_garbled(data: Any) -> None:
    async def garbled(_: Mapping[str, Any]) -> dict[str, Any]:
        return {"success": True, "data": data}

    with pytest.raises(OutcomeUnknown, match="not a list"):
        whole(garbled, "data")


def test_a_refused_page_0_leaves_what_was_found() -> None:
    async def without_totals(page: Mapping[str, Any]) -> dict[str, Any]:
        if page["page_no"] == 0:
            raise Refused("page_no must be positive", status=400)
        return {"success": True, "data": [{"id": "1"}]}

    assert whole(without_totals, "data") == [{"id": "1"}]
