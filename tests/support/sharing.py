"""How the tests are shared out among the processes of pytest-xdist."""

import os
from zlib import crc32

import pytest
from xdist.scheduler import LoadGroupScheduling

PROCESSES_PER_CORE = 2
"""Most of the time a test waits for processes that wait for each other."""


def number_of_processes() -> int:
    """Return the number of processes that `-n auto` means here."""
    return PROCESSES_PER_CORE * (os.cpu_count() or 1)


def put_in_order(items: list[pytest.Item]) -> None:
    """Begin with files that have a `long` test, because one that is begun last runs on alone.

    Then come groups, which are larger than files. The rest is mixed, always alike: tests of one folder all wait, or all
    compute, and mixed they keep the cores busy.
    """
    long = {item.path for item in items if item.get_closest_marker("long")}
    items.sort(
        key=lambda item: (
            item.path not in long,
            item.get_closest_marker("xdist_group") is None,
            crc32(item.nodeid.partition("::")[0].encode()),
        )
    )


class SharingByFile(LoadGroupScheduling):  # type: ignore[misc]  # pytest-xdist ships no types
    """Give a process all tests of a group, or else of a file, because tests of a file share what takes long to make."""

    def _split_scope(self, nodeid: str) -> str:
        group = super()._split_scope(nodeid)
        return group if group != nodeid else nodeid.partition("::")[0]
