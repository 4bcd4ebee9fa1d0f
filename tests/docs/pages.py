"""README.md and docs/ as tests read them: fenced blocks by their language, and the names that stand in `code`.

A block of `sh` or `python` is run. `no-run` behind the language (renderers don't show it) marks what can't be: it needs
Docker, another machine, or never ends. Those are checked by name only: commands, options, services, variables.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.processes import ROOT

FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
NO_RUN = "no-run"


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: str
    line: int
    language: str
    text: str
    runs: bool

    @property
    def where(self) -> str:
        """`docs/terminal.md:12`."""
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Page:
    """One file."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        """Its path from the root of the project."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def blocks(self) -> Iterator[Block]:
        """Its fenced blocks, in their order."""
        for found in FENCE.finditer(self.text):
            language, _, mark = found["info"].partition(" ")
            line = self.text.count("\n", 0, found.start()) + 1
            runs = language in ("sh", "python") and mark != NO_RUN
            yield Block(self.name, line, language, found["text"], runs)

    @property
    def prose(self) -> str:
        """Everything outside of the blocks."""
        return FENCE.sub("", self.text)

    @property
    def code(self) -> list[str]:
        """What stands in `code` in the prose."""
        return CODE.findall(self.prose)

    @property
    def anchors(self) -> set[str]:
        """What a link may name behind its #, as GitHub makes them of headings."""
        return {re.sub(r"[^\w\- ]", "", it.lower()).replace(" ", "-") for it in HEADING.findall(self.prose)}


@cache
def pages() -> list[Page]:
    """README.md and all of docs/."""
    return [Page(path, path.read_text()) for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))]


def page(name: str) -> Page:
    """The one of that name."""
    return next(it for it in pages() if it.name == name)
