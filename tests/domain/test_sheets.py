"""Files of who sits where: read as teachers have them, written so that no spreadsheet runs them."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.seating_plan import SeatingPlan, plan_of
from orchestrator.domain.sheets import Row, Unreadable, is_address, read_rows, write_rows

ANA = Row(2, "Room 1", "ana@x.org", "", by_email=True)


@pytest.mark.parametrize(
    "content",
    [
        b"room,email\nRoom 1,ana@x.org\n",
        b"room,email\r\nRoom 1,ana@x.org",
        b"room,email\rRoom 1,ana@x.org\r",
        b"\xef\xbb\xbfroom,email\nRoom 1,ana@x.org\n",
        "room;email\nRoom 1;ana@x.org\n".encode("utf-16"),
        b"\xfe\xff" + "room\temail\nRoom 1\tana@x.org\n".encode("utf-16-be"),
        b"Pre-assign Room Name,Email Address\r\nRoom 1,ana@x.org\r\n",
        b"ROOM NAME\tE-Mail\nRoom 1\tana@x.org\n",
        b'"Room Name";"E-mail"\n"Room 1";"ana@x.org"\n',
        "\u3000Room\u3000name ,\u00a0EMAIL\u200b\n \u2003Room 1\u00a0,\u200f\u3000ana@x.org \t\n".encode(),
        b'no,e-mail,remark,room\n17,ana@x.org,"late, as ever",Room 1\n',
        b'room, email\nRoom 1, "ana@x.org"\n',
        '\u00a0"room",\t"email"\r\n \u2003"Room 1"\u00a0,\u200f"ana@x.org"\t\n'.encode(),
        'room;email\n"Room 1";\u00a0"ana@x.org"\n'.encode(),
        '"room"\t\u00a0"email"\n\u3000"Room 1"\t "ana@x.org"\n'.encode(),
        b"room,email\nRoom 1,ana@x.org,more,than,headings\n",
        b"room,email\n\x01Room\x021,ana@x.org\n",
    ],
)
def test_what_teachers_have_is_read_alike(content: bytes) -> None:
    assert read_rows(content) == [ANA]


def test_blanks_before_quotes_within_a_cell_are_of_the_cell() -> None:
    content = 'room,email\n"Left,\u00a0""A""\u00a0","=\u00a0""x"""\n'.encode()
    assert read_rows(content) == [Row(2, 'Left,\u00a0"A"', '=\u00a0"x"', "", by_email=True)]


def test_a_quote_within_a_bare_cell_is_of_the_cell_alone() -> None:
    content = 'room,email\nRoom 5",a@x.org\n\u00a0"Left,\u00a0""A""",b@x.org\n'.encode()
    rows = [Row(2, 'Room 5"', "a@x.org", "", by_email=True), Row(3, 'Left,\u00a0"A"', "b@x.org", "", by_email=True)]
    assert read_rows(content) == rows


def test_lines_are_those_of_the_file_where_a_row_begins() -> None:
    content = b'\r\nroom,email\r\n,,\r\n"Room 1,\r\nleft",ana@x.org\r\n\r\n \r\nRoom 2,\r\n'
    assert read_rows(content) == [Row(4, "Room 1, left", "ana@x.org", "", by_email=True), Row(8, "Room 2", "", "")]


def test_an_id_goes_before_an_address_and_the_first_heading_of_a_kind_counts() -> None:
    rows = read_rows(b"email,custom_participant_id,e-mail,room,room\na@x.org,ana,b@x.org,R,S\na@x.org,,b@x.org,R,S\n")
    assert rows == [Row(2, "R", "ana", ""), Row(3, "R", "a@x.org", "", by_email=True)]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the file is empty"),
        (b"\xff\xfe", "the file is empty"),
        (b" ,\n,,\n", "the file is empty"),
        (b"group,person\nA,ana\n", "the first row must name columns"),
        (b"name\nAna\n", "the first row must name columns"),
        ("room,name\nR,J\u00fcrgen\n".encode("latin-1"), "must be UTF-8"),
        ("room,email\nR,a@x.org\n".encode("utf-16-le"), "must be UTF-8"),
        ("room,email\nR,a@x.org\n".encode("utf-16")[:-1], "must be UTF-8"),
        ("room,email\nR,a@x.org\n".encode("utf-32"), "must be UTF-8"),
        (b'room,email\n"' + b"x" * 200_000 + b'",a\n', "this is no CSV"),
    ],
)
def test_what_is_no_table_of_rooms_or_people_says_so(content: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read_rows(content)


def read(text: str, *known: str, register: bool = False) -> SeatingPlan:
    return plan_of(read_rows(text.encode()), known, register=register)


def test_rows_that_cannot_be_used_are_named_by_line_with_the_reason() -> None:
    plan = read(
        "room,email,name\n"
        "Room 2,ana@x.org,\n"
        "Room 1,BO@X.ORG,\n"
        "Room 1,who@x.org,\n"
        "Room 2,ask the office,\n"
        "Room 1,Ana@x.org,\n"
        "\n"
        ",,Di\n"
        "Room 3,,\n"
        ",cy,\n"
        f"{'x' * 201},ed@x.org,\n",
        "ana@x.org",
        "bo@x.org",
        "cy",
    )
    assert plan == SeatingPlan(
        rooms={"Room 2": ["ana@x.org"], "Room 1": ["bo@x.org"], "Room 3": []},
        main=["cy"],
        used=4,
        skipped=[
            (4, "who@x.org is nobody of this meeting"),
            (5, "ask the office is no e-mail address, and nobody of this meeting"),
            (6, "ana@x.org is listed before, in line 2"),
            (8, "Di has neither a custom_participant_id nor an e-mail address"),
            (11, "a cell has more than 200 characters"),
        ],
    )


def test_who_is_unknown_is_registered_if_wanted_once_and_by_an_address_only() -> None:
    text = "room,email,name\nA,Ana@x.org,Ana\nA,ana@x.org,Anna\nB,bo@x.org,\nB,bo,Bo\nB,a b@x.org,\n,cy@x.org,Cy\n"
    plan = read(text, register=True)
    assert plan.new == {"Ana@x.org": "Ana", "bo@x.org": "bo@x.org", "cy@x.org": "Cy"}
    assert (plan.rooms, plan.main) == ({"A": ["Ana@x.org"], "B": ["bo@x.org"]}, ["cy@x.org"])
    assert [line for line, _ in plan.skipped] == [3, 5, 6]
    assert read("room,custom_participant_id,name\nA,ana,Ana\n", register=True).new == {"ana": "Ana"}


def test_an_exact_id_goes_before_one_in_other_capitals() -> None:
    plan = read("room,email\nA,Ana@x.org\nB,ana@x.org\nC,ANA@x.org\n", "ana@x.org", "Ana@x.org")
    assert plan.rooms == {"A": ["Ana@x.org"], "B": ["ana@x.org"]}
    assert plan.skipped == [(4, "ANA@x.org may be any of Ana@x.org, ana@x.org")]
    ids = read("room,custom_participant_id\nA,ANA\nA,BO@X.ORG\n", "ana", "bo@x.org")
    assert (ids.rooms, len(ids.skipped)) == ({"A": ["bo@x.org"]}, 1)


def test_rooms_come_in_the_order_of_their_first_row_whoever_is_in_it() -> None:
    plan = read("room,email\nB,who@x.org\nA,ana@x.org\nC,who@x.org\nB,bo@x.org\n", "ana@x.org", "bo@x.org")
    assert list(plan.rooms.items()) == [("B", ["bo@x.org"]), ("A", ["ana@x.org"])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a@b", True),
        ("a.b+c@d.e", True),
        ("a", False),
        ("a@b@c", False),
        ("@b", False),
        ("a b@c", False),
        ("a@", False),
    ],
)
def test_an_address_has_one_at_and_no_blanks(text: str, expected: bool) -> None:
    assert is_address(text) is expected


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "'", "''", "'=1", "'a", "a'", '\u00fc,;"x"'])
def test_no_cell_is_a_formula_and_each_comes_back_as_it_was(cell: str) -> None:
    for bom in (False, True):
        content = write_rows([("room", "custom_participant_id", "name"), (cell, cell, cell)], bom=bom)
        shown = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))[1]
        assert not any(text.startswith(("=", "+", "-", "@", "\t", "\r")) for text in shown)
        assert content.startswith(b"\xef\xbb\xbf") is bom
        assert read_rows(content) == [Row(2, cell, cell, cell)]


TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp", "Cf"]), min_size=1, max_size=12)


@settings(max_examples=100, deadline=None)
@given(cells=st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=20))
def test_what_is_written_is_read_again(cells: list[tuple[str, str, str]]) -> None:
    rows = read_rows(write_rows([("room", "custom_participant_id", "name"), *cells], bom=False))
    assert rows == [Row(line, *row) for line, row in enumerate(cells, 2)]


def test_five_thousand_rows_are_read() -> None:
    text = "room,email,name\r\n" + "".join(f"Room {n % 500},p{n}@x.org,\u00c4nne {n}\r\n" for n in range(5000))
    plan = read(text, *(f"P{n}@x.org" for n in range(5000)))
    assert (plan.used, len(plan.rooms)) == (5000, 500)
