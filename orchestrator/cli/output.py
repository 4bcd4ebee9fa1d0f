"""What a command found, on stdout: JSON for programs, a table for people."""

import json
import sys
from collections.abc import Sequence
from typing import Any


def write_json(found: Any) -> None:
    """On one line."""
    sys.stdout.write(json.dumps(found) + "\n")


def write_table(rows: Sequence[Sequence[str]]) -> None:
    """In columns as wide as they need; the first row is their names."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")
