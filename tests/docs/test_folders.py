"""The table "Where to change what" of docs/architecture.md names every folder that holds code, and no other."""

import re
from pathlib import Path

import pytest

from tests.docs.names import PACKAGES
from tests.docs.pages import page, table
from tests.support.processes import ROOT

PAGE, HEADING = "docs/architecture.md", "Where to change what"
FOLDER = re.compile(r"^`([\w/]+)/`$")
SENTENCE = re.compile(r"^[A-Z`].*\.$")


def folders_with_code() -> set[str]:
    """Return every folder of our packages and of the tests that holds a module."""
    modules = {path for package in (*PACKAGES, "tests") for path in (ROOT / package).rglob("*.py")}
    return {path.parent.relative_to(ROOT).as_posix() for path in modules if path.stat().st_size}


def rows() -> dict[str, str]:
    """Return what the table says about each folder. A row that names none fails the test."""
    found = table(PAGE, HEADING)
    named = [FOLDER.match(cells[0]) for cells in found]
    assert all(named), found
    return {name[1]: cells[1] for name, cells in zip(named, found, strict=True) if name}


def test_every_folder_with_code_stands_in_the_table_once() -> None:
    assert len(table(PAGE, HEADING)) == len(rows())
    assert set(rows()) == folders_with_code()


@pytest.mark.parametrize("folder", rows())
def test_each_row_is_a_sentence(folder: str) -> None:
    assert SENTENCE.match(rows()[folder])


def test_rows_stand_from_the_outer_folder_to_the_inner() -> None:
    named = list(rows())
    for folder in named:
        outer = Path(folder).parent.as_posix()
        assert outer == "." or outer not in named or named.index(outer) < named.index(folder), folder


def test_every_module_beside_the_folders_of_the_package_is_named() -> None:
    modules = {path.name for path in (ROOT / "orchestrator").glob("*.py") if not path.name.startswith("__")}
    named = {name.removeprefix("orchestrator/") for name in page(PAGE).code}
    assert modules <= named
