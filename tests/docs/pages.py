"""README.md and docs/ as tests read them: fenced blocks by their language, and the names that stand in `code`.

Every block of `sh` or `python` is run: as it stands beside `breakouts up --sandbox`, unless a word behind its language
(renderers don't show it) says how.
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

BESIDE_UP = ""
"""In the folder of `breakouts up --sandbox`, with nothing set: test_commands.py."""
DEPLOYED = "deployed"
"""With the servers' environment: test_commands.py, and its processes as compose.yaml starts them: test_elsewhere.py."""
NEEDS_DOCKER = "needs-docker"
"""Where Docker Compose is; elsewhere its lines without Docker, and each service's command: test_elsewhere.py."""
STAYS_UP = "stays-up"
"""A whole system that runs on: by the tests that test_elsewhere.py names."""
TAKES_MINUTES = "takes-minutes"
"""`make …`, which runs these very tests: test_elsewhere.py looks at what each target starts."""
WAYS = (BESIDE_UP, DEPLOYED, NEEDS_DOCKER, STAYS_UP, TAKES_MINUTES)


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: str
    line: int
    language: str
    way: str
    """How it is run."""
    text: str

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
            language, _, way = found["info"].partition(" ")
            line = self.text.count("\n", 0, found.start()) + 1
            yield Block(self.name, line, language, way, found["text"])

    def to_run(self, way: str) -> list[Block]:
        """Those of its blocks that are run in this way."""
        return [block for block in self.blocks if block.language in ("sh", "python") and block.way == way]

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


def lines_to_run(way: str) -> list[str]:
    """The command lines that all pages say in blocks of this way, without their comments."""
    text = "".join(block.text for page in pages() for block in page.to_run(way))
    return [line.partition(" #")[0].strip() for line in text.splitlines()]


def page(name: str) -> Page:
    """The one of that name."""
    return next(it for it in pages() if it.name == name)
