"""The pages of the project: fenced blocks by their language, and the names that stand in `code`.

Every block of `sh` or `python` is run beside `breakouts up --sandbox`, unless a word behind its language says how.
Renderers don't show that word.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.processes import ROOT

FIRST, INDEX = "README.md", "docs/README.md"
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)

BESIDE_UP = ""
"""Run in the folder of `breakouts up --sandbox`, with nothing set (test_commands.py)."""
DEPLOYED = "deployed"
"""Run with the servers' environment (test_commands.py), or by compose.yaml's tests where it never ends."""
FROM_A_WHEEL = "from-a-wheel"
"""Run in an empty folder, after the wheel was built (test_wheel.py)."""
NEEDS_DOCKER = "needs-docker"
"""Run where Docker Compose is; elsewhere only the lines without Docker (test_elsewhere.py)."""
STAYS_UP = "stays-up"
"""Starts a system that runs on; run by the tests that test_elsewhere.py names."""
RECEIVER = "receiver"
"""A program that hears our webhooks (test_receivers.py)."""
TAKES_MINUTES = "takes-minutes"
"""A `make` target that runs these very tests, or for longer: test_elsewhere.py checks what it would start."""
WAYS = (BESIDE_UP, DEPLOYED, FROM_A_WHEEL, NEEDS_DOCKER, STAYS_UP, TAKES_MINUTES)


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: str
    line: int
    language: str
    way: str
    """One of WAYS: how it is run."""
    text: str

    @property
    def where(self) -> str:
        """Its page and line, such as `docs/terminal.md:12`."""
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Page:
    """A file of text with fenced blocks."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        """Its path from the root of the project."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def blocks(self) -> Iterator[Block]:
        """Its fenced blocks, in order."""
        for found in FENCE.finditer(self.text):
            language, _, way = found["info"].partition(" ")
            line = self.text.count("\n", 0, found.start()) + 1
            yield Block(self.name, line, language, way, found["text"])

    def to_run(self, way: str) -> list[Block]:
        """Return the blocks that are run in this way."""
        return [block for block in self.blocks if block.language in ("sh", "python") and block.way == way]

    @property
    def prose(self) -> str:
        """Everything outside of fenced blocks."""
        return FENCE.sub("", self.text)

    @property
    def code(self) -> list[str]:
        """Everything in `code` in the prose."""
        return CODE.findall(self.prose)

    @property
    def anchors(self) -> set[str]:
        """Everything that a link may name behind its #, as GitHub makes it from headings."""
        return {re.sub(r"[^\w\- ]", "", it.lower()).replace(" ", "-") for it in HEADING.findall(self.prose)}


@cache
def pages() -> list[Page]:
    """Return README.md, then the other pages of the root, then all of docs/."""
    others = sorted(set(ROOT.glob("*.md")) - {ROOT / FIRST})
    return [Page(path, path.read_text()) for path in (ROOT / FIRST, *others, *sorted((ROOT / "docs").rglob("*.md")))]


def lines_to_run(way: str) -> list[str]:
    """Return the command lines in all blocks of this way, without comments."""
    text = "".join(block.text for page in pages() for block in page.to_run(way))
    return [line.partition(" #")[0].strip() for line in text.splitlines()]


def page(name: str) -> Page:
    """Return the page of that name."""
    return next(it for it in pages() if it.name == name)


def table(page_name: str, heading: str) -> list[list[str]]:
    """Return the cells of the table under that heading, without its head."""
    section = page(page_name).text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]
