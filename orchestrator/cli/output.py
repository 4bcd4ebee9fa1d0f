"""Results on stdout: JSON for programs, a table for people."""

import json
import sys
from collections.abc import Sequence
from typing import Any


def write_json(result: Any) -> None:
    """Write JSON on one line."""
    sys.stdout.write(json.dumps(result) + "\n")


def write_table(rows: Sequence[Sequence[str]]) -> None:
    """Write rows in aligned columns; the first row is the headings."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")
