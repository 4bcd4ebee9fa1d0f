"""The windows of a host's console: what the mouse does to them."""

import pytest

from tests.browser.console import IS_BUILT, NOT_BUILT, Console, Open

pytestmark = pytest.mark.skipif(not IS_BUILT, reason=NOT_BUILT)
Point = tuple[float, float]


def drag(console: Console, begin: Point, end: Point) -> None:
    """Press the mouse at a point, and let go of it at another."""
    mouse = console.page.mouse
    mouse.move(*begin)
    mouse.down()
    mouse.move(*end, steps=5)
    mouse.up()


def test_a_window_closes_only_for_a_click_beside_it(open_console: Open) -> None:
    console = open_console().sign_in()
    console.button("New meeting").click()
    window, title = console.page.get_by_role("dialog"), console.page.get_by_label("Title", exact=True)
    title.fill("Half a title")
    box, edge = title.bounding_box(), window.bounding_box()
    assert box
    assert edge
    inside, beside = (box["x"] + 60, box["y"] + 10), (edge["x"] - 60, box["y"] + 10)
    for begin, end in ((inside, beside), (beside, inside)):
        drag(console, begin, end)
        assert title.input_value() == "Half a title"
    drag(console, beside, beside)
    window.wait_for(state="detached")
