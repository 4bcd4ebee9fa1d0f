"""The frame of the benchmarks: figures against bounds, growth, the table, the page and the exit code."""

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks import __main__ as all_of_them
from tests.benchmarks.frame import Of, Sheet, page, run, sheet
from tests.benchmarks.frame.figures import Figure, Line
from tests.benchmarks.frame.table import bound, number

FOUND = st.lists(st.floats(0, 1e6), min_size=1, max_size=300)
PLACE = "# Figures\n\n<!-- figures of {} -->\n{}<!-- end -->\n\nThe rest.\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep sheets in a folder of this test."""
    monkeypatch.setattr(sheet, "KEPT", tmp_path_factory.mktemp("kept"))


@given(FOUND)
def test_a_value_of_all_runs_is_one_that_at_least_so_many_do_not_exceed(values: list[float]) -> None:
    figure = Figure(name="late", unit="ms", values=values)
    for of, share in ((Of.MEDIAN, 0.5), (Of.P99, 0.99), (Of.MAX, 1.0)):
        assert sum(value <= figure.value(of) for value in values) >= share * len(values)
    assert figure.value(Of.MIN) <= figure.value(Of.MEDIAN) <= figure.value(Of.P99) <= figure.value(Of.MAX)


@given(FOUND, st.sampled_from(Of), st.floats(0, 1e6))
def test_a_bound_holds_for_the_value_that_it_names(values: list[float], of: Of, limit: float) -> None:
    found = Figure(name="late", unit="ms", values=values, of=of).value(of)
    most = Figure(name="late", unit="ms", values=values, of=of, at_most=limit)
    least = Figure(name="late", unit="ms", values=values, of=of, at_least=limit)
    assert (most.holds, least.holds) == (found <= limit, found >= limit)
    assert bound(most).startswith(f"{of.value} ≤ ")


def test_a_figure_without_a_bound_neither_holds_nor_misses_and_one_that_no_run_found_misses() -> None:
    assert Figure(name="size", unit="kB", values=[1.0]).holds is None
    assert Figure(name="size", unit="kB", at_most=1).holds is False


@given(st.floats(-2, 3), st.floats(0.01, 100), st.sets(st.integers(1, 5000), min_size=2, max_size=9))
def test_the_exponent_of_a_power_is_found(exponent: float, factor: float, across: set[int]) -> None:
    line = Line(label="ours")
    for x in across:
        line.add(x, factor * x**exponent)
    assert math.isclose(line.exponent, exponent, abs_tol=1e-6)


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (229, "229"), (1234567.0, "1,234,567"), (1.304, "1.30"), (0.0123, "0.0123")]
)
def test_a_number_shows_the_digits_that_count(value: float, shown: str) -> None:
    assert number(value) == shown


def _measure(least: float) -> Any:
    def measure(sheet: Sheet) -> None:
        sheet.figure("ratio", "times the floor", at_most=1.3).add(least, least + 0.1, least + 0.2)
        for x in (10, 100):
            sheet.plot("growth", "people", "seconds").line("ours").add(x, x / 100)

    return measure


@pytest.mark.parametrize(("least", "code"), [(1.2, 0), (1.21, 1)])
def test_a_missed_bound_is_an_exit_code_also_when_all_are_shown_later(
    least: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run("calls", _measure(least))
    assert ended.value.code == code
    monkeypatch.setattr("sys.argv", ["benchmarks", "calls", "--kept"])
    assert all_of_them.main() == code
    assert ("MISSED" in capsys.readouterr().out) == bool(code)


def test_a_benchmark_that_fails_leaves_no_figures_of_an_earlier_run(monkeypatch: Any) -> None:
    def fail(sheet: Sheet) -> None:
        sheet.figure("ratio").add(1)
        raise AssertionError("a breakout closed twice")

    with pytest.raises(SystemExit):
        run("calls", _measure(1))
    with pytest.raises(AssertionError, match="twice"):
        run("calls", fail)
    monkeypatch.setattr("sys.argv", ["benchmarks", "calls", "--kept"])
    assert all_of_them.main() == 1


def test_a_page_gets_the_figures_and_plots_of_those_that_ran_and_keeps_all_else(tmp_path: Path) -> None:
    found = Sheet(benchmark="calls")
    _measure(1)(found)
    text = tmp_path / "page.md"
    text.write_text(PLACE.format("calls", "old\n") + PLACE.format("quota", "kept\n"))
    page.write([found], text)
    page.write([found], text)
    written = text.read_text()
    assert "old" not in written
    assert PLACE.format("quota", "kept\n") in written
    assert "| ratio, times the floor | 1.10 |" in written
    assert found.machine in written
    assert "![growth](page/calls-growth.svg)" in written
    drawn = (tmp_path / "page" / "calls-growth.svg").read_bytes()
    assert ET.fromstring(drawn).tag.endswith("svg")
    page.write([found], text)
    assert (tmp_path / "page" / "calls-growth.svg").read_bytes() == drawn


def test_each_benchmark_has_one_place_on_the_page() -> None:
    places = [found["name"] for found in page.PLACE.finditer(page.PAGE.read_text())]
    assert sorted(places) == sorted(all_of_them.BENCHMARKS + all_of_them.ON_REQUEST)
