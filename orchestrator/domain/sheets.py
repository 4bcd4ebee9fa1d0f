"""Tables of who sits where, as teachers keep them in spreadsheets: read leniently, and written harmlessly."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from schemas.texts import is_blank, trimmed

ROOM = ("room", "room name", "pre-assign room name")
ID = ("custom_participant_id",)
EMAIL = ("email", "email address", "e-mail")
NAME = ("name",)
HEADINGS = (*ROOM, *ID, *EMAIL, *NAME)
DELIMITERS = (",", ";", "\t")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes a cell for a formula by, or passes over before it does."""
APOSTROPHE = "'"
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Unreadable(ValueError):
    """The file is no table that can be read; the message says why."""


@dataclass(frozen=True)
class Row:
    """One row of a file: the line where it begins, and its cells; empty texts where it has none."""

    line: int
    room: str
    person: str
    name: str
    by_email: bool = False
    """Whether the person is named by an e-mail address."""


def read_rows(content: bytes) -> list[Row]:
    """Return the rows of a file below its header, without blank ones. Raises Unreadable."""
    return [_row(line, cells) for line, cells in read_table(content)]


def read_table(content: bytes) -> list[tuple[int, dict[str, str]]]:
    """Return the line and the cells, by heading, of each row below the header that is not blank. Raises Unreadable."""
    text = _decoded(content)
    try:
        return list(_cells(text))
    except csv.Error as error:
        raise Unreadable(f"this is no CSV: {error}") from error


def write_rows(rows: Iterable[Sequence[str]], *, bom: bool) -> bytes:
    """Return a file of these rows, in UTF-8. No cell of it is a formula for a spreadsheet."""
    text = io.StringIO()
    csv.writer(text).writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig" if bom else "utf-8")


def is_address(text: str) -> bool:
    """Return whether a text can be an e-mail address: one @ between something, and no blanks."""
    parts = text.split("@")
    return len(parts) == 2 and all(parts) and not any(is_blank(character) for character in text)


def _decoded(content: bytes) -> str:
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if is_utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("the file must be UTF-8, or UTF-16 with a byte order mark") from error
    if "\0" in text:
        raise Unreadable("the file must be UTF-8, or UTF-16 with a byte order mark, and has zero bytes")
    return text


def _cells(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    records = _records(text, _delimiter(text))
    heading = next(records, None)
    if heading is None:
        raise Unreadable("the file is empty")
    columns = {_heading(cell): index for index, cell in reversed(list(enumerate(heading[1])))}
    if not columns.keys() & {*ROOM, *ID, *EMAIL}:
        raise Unreadable(f"the first row must name columns, some of: {', '.join(HEADINGS)}")
    for line, cells in records:
        yield line, {name: _clean(cells[index]) if index < len(cells) else "" for name, index in columns.items()}


def _row(line: int, cells: Mapping[str, str]) -> Row:
    person, email = first_of(cells, ID), first_of(cells, EMAIL)
    return Row(line, first_of(cells, ROOM), person or email, first_of(cells, NAME), by_email=not person and bool(email))


def first_of(cells: Mapping[str, str], headings: Iterable[str]) -> str:
    """Return the first cell under one of these headings that is not empty."""
    return next((cells[heading] for heading in headings if cells.get(heading)), "")


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the records that are not blank, each with the line where it begins."""
    plain = _without_blanks_before_quotes(text, delimiter)
    reader = csv.reader(io.StringIO(plain, newline=""), delimiter=delimiter, skipinitialspace=True)
    line = 1
    for cells in reader:
        if any(_clean(cell) for cell in cells):
            yield line, cells
        line = reader.line_num + 1


def _without_blanks_before_quotes(text: str, delimiter: str) -> str:
    """Return the text without the blanks before a cell that is quoted, because `csv` passes over spaces alone."""
    blanks = re.escape("".join(one for one in set(text) if is_blank(one) and one not in f"{delimiter}\r\n"))
    if not blanks:
        return text
    return re.sub(rf'(?:\A|(?<=[{re.escape(delimiter)}\r\n]))[{blanks}]*("(?:[^"]|"")*")', r"\1", text)


def _delimiter(text: str) -> str:
    """Return the delimiter by which the first row has the most headings that are known."""

    def known(delimiter: str) -> int:
        _, cells = next(_records(text, delimiter), (0, []))
        return sum(_heading(cell) in HEADINGS for cell in cells)

    return max(DELIMITERS, key=known)


def _heading(cell: str) -> str:
    return " ".join(_clean(cell).casefold().split())


def _clean(cell: str) -> str:
    """Return what a cell shows: without blanks around it, line breaks, and the apostrophe before what is no formula."""
    cell = trimmed(cell)
    if cell.startswith(APOSTROPHE) and cell[1:].startswith((*FORMULA, APOSTROPHE)):
        cell = cell[1:]
    return trimmed(CONTROLS.sub(" ", cell))


def _harmless(cell: str) -> str:
    return APOSTROPHE + cell if cell.startswith((*FORMULA, APOSTROPHE)) else cell
