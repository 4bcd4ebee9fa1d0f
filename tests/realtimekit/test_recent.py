"""What was created lately is found in a long list, whatever its order, and without reading all of it."""

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.realtimekit.paging import Pager
from orchestrator.realtimekit.recent import MOST_PAGES, created_since

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = 10


class Meetings:
    """A list of meetings, one created each minute, in some order."""

    def __init__(self, number: int, order: str) -> None:
        self._items = [{"id": str(age), "created_at": str(NOW - timedelta(minutes=age))} for age in range(number)]
        if order == "oldest first":
            self._items.reverse()
        if order == "no order":
            random.Random(1).shuffle(self._items)
        self.calls = 0

    async def __call__(self, page: Mapping[str, Any]) -> dict[str, Any]:
        """Return a page."""
        self.calls += 1
        start = (max(page["page_no"], 1) - 1) * SIZE
        chosen, total = self._items[start : start + SIZE], len(self._items)
        paging = {"total_count": total, "start_offset": start + 1, "end_offset": min(start + SIZE, total)}
        return {"success": True, "data": chosen, "paging": paging}

    def since(self, minutes: float) -> set[int]:
        """Return the ages of those that are found as younger than so many minutes."""
        found = created_since(Pager(), "meetings", self, NOW - timedelta(minutes=minutes))
        return {int(item["id"]) for item in asyncio.run(found)}


@pytest.mark.parametrize("order", ["newest first", "oldest first", "no order"])
@pytest.mark.parametrize("number", [0, 1, 10, 11, 35, 200])
@pytest.mark.parametrize("new", [0, 3, 10, 15, 35])
def test_all_that_is_new_is_found(order: str, number: int, new: int) -> None:
    assert Meetings(number, order).since(new - 0.5) == set(range(min(number, new)))


@pytest.mark.parametrize(("order", "calls"), [("newest first", 2), ("oldest first", 3), ("no order", MOST_PAGES)])
def test_a_long_list_is_not_read_to_its_end(order: str, calls: int) -> None:
    meetings = Meetings(5000, order)
    found = meetings.since(14.5)
    assert meetings.calls == calls
    assert found == set(range(15)) or order == "no order"
