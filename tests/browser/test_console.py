"""A host runs a breakout in the console, by mouse and by keyboard, alone and beside another host."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator

from tests.browser.console import IS_BUILT, NOT_BUILT, VIEWER_KEY, Console, Open
from tests.browser.plans import draft, opened
from tests.support.stack import JSON, Stack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(not IS_BUILT, reason=NOT_BUILT)
MOST_IN_A_PAGE = 200
NAMES = [f"p{number}" for number in range(6)]


def plan_of(stack: Stack, meeting_id: str, **more: object) -> str:
    """Make a draft with two rooms, and return the path of its page."""
    breakout = stack.breakout(meeting_id, start="manual", rooms=2, **more)
    return f"/console/breakouts/{breakout['id']}"


def id_in(console: Console) -> str:
    return console.page.url.rsplit("/", 1)[1]


def test_from_the_plan_to_the_report_by_mouse(open_console: Open, stack: Stack) -> None:
    meeting_id = stack.meeting(6, hosts=1)
    stack.people(meeting_id, [*NAMES, "h0"])
    stack.crowds.settle()
    console = open_console(f"/console/meetings/{meeting_id}").sign_in()
    page = console.page
    page.get_by_text("7 of 7 people here").wait_for()
    console.button("New breakout").click()
    console.button("Start breakout").wait_for()
    console.set("Minutes open (empty: no timer)", "10")
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        page.get_by_label("Record every room").check()
    console.button("Shuffle").click()
    console.said("Dealt anew").wait_for()
    moved = console.room("Room 1").get_by_role("option").first
    name = moved.locator(".who").inner_text()
    moved.drag_to(console.room("Room 2"))
    console.said(f"{name} → Room 2").wait_for()
    assert console.person("Room 2", name).get_by_text("pinned").is_visible()
    page.get_by_text("10 calls, opens in about").wait_for()  # two rooms, six people, two recordings

    console.button("Start breakout").click()
    console.button("Yes, start").click()
    page.get_by_role("timer").wait_for()
    page.get_by_text("6 of 6 in their rooms").wait_for()
    stack.crowds.settle()
    breakout = stack.wait(id_in(console), "open", condition=lambda it: it["progress"]["recordings"]["recording"] == 2)
    page.get_by_text("2 recording").wait_for()

    steer(console, stack, breakout)
    console.person("Room 2", name).click()
    console.button("Move to…").click()
    page.get_by_role("option", name="Room 1").click()
    console.said(f"{name} → Room 1").wait_for()
    stack.crowds.settle()

    console.button("Close breakout").click()
    page.get_by_label("Seconds to come back").fill("1")
    console.button("Yes, close").click()
    page.get_by_text("Closed by an operator.").wait_for()
    page.get_by_text("6/6").wait_for()
    page.get_by_role("img", name=f"{name}, Room 2").first.wait_for()
    with page.expect_download() as file:
        console.button("Attendance as CSV").click()
    assert file.value.path().read_text("utf-8-sig").startswith("custom_participant_id,name,role,room_id,room_name")


def steer(console: Console, stack: Stack, breakout: JSON) -> None:
    """Extend it, pause it, let it go on, and tell everybody something."""
    console.button("Extend").click()
    console.said("5 minutes longer").wait_for()
    assert stack.see(breakout["id"])["closes_at"] > breakout["closes_at"]
    console.button("Pause").click()
    console.button("Resume").click()
    console.button("Pause").wait_for()
    console.page.get_by_label("Message to everybody in the rooms").fill("Five minutes more")
    console.button("Broadcast").click()
    console.said("Sent to every room").wait_for()


def test_everything_by_keyboard_alone(open_console: Open, stack: Stack) -> None:
    meeting_id = stack.meeting(4)
    console = open_console(plan_of(stack, meeting_id, assignment={"seed": 3}))
    page, keys = console.page, console.page.keyboard
    page.get_by_label("API key").wait_for()
    keys.type("test-operator-key")  # the field has the focus
    keys.press("Enter")
    first = console.room("Room 1").get_by_role("option").first
    first.wait_for()

    def tab_to(target: Locator) -> None:
        for _ in range(60):
            if target.evaluate("element => element === document.activeElement"):
                return
            keys.press("Tab")
        raise AssertionError("it is not among the first 60 stops")

    tab_to(first)
    keys.press("Space")
    keys.press("Shift+ArrowDown")
    page.get_by_text("2 chosen").wait_for()
    keys.press("m")
    page.get_by_role("combobox", name="Find a room").wait_for()
    keys.type("room 2")
    keys.press("Enter")
    console.said("2 people → Room 2").wait_for()
    assert [len(room["participants"]) for room in stack.see(id_in(console))["rooms"]] == [0, 4]
    assert console.room("Room 2").locator(":focus").count() == 1, "keys go on where the people are"
    keys.press("Escape")
    console.button("Start breakout").focus()
    keys.press("Enter")
    console.button("Yes, start").wait_for()
    keys.press("Enter")  # the button has the focus
    page.get_by_role("timer").wait_for()
    stack.wait(id_in(console), "open")
    console.button("Close breakout").focus()
    keys.press("Enter")
    console.button("Yes, close").wait_for()
    keys.press("Escape")
    console.button("Yes, close").wait_for(state="detached")
    assert console.button("Close breakout").evaluate("element => element === document.activeElement")
    stack.post(f"/v1/breakouts/{id_in(console)}/close", {"countdown_seconds": 0})
    page.get_by_text("Closed by an operator.").wait_for()


def test_two_hosts_see_each_other_and_a_stale_change_is_offered(open_console: Open, stack: Stack) -> None:
    path = plan_of(stack, stack.meeting(4))
    one, other = open_console(path).sign_in(), open_console(path).sign_in()
    other.button("Shuffle").wait_for()
    box = one.page.get_by_label("Name", exact=True)
    box.fill("Mine")
    other.set("Seconds to come back", "30")
    box.press("Enter")
    stale = one.page.get_by_role("alert").filter(has_text="Somebody else has changed this meanwhile")
    stale.wait_for()
    assert "countdown_seconds" in stale.inner_text()
    assert stack.see(id_in(one))["name"] != "Mine"
    assert box.input_value() == "Mine", "what was typed is kept"
    one.button("Change it all the same").click()
    other.page.get_by_role("heading", name="Mine").wait_for()
    assert one.page.get_by_label("Seconds to come back").input_value() == "30"


def test_a_viewer_sees_everything_and_can_change_nothing(open_console: Open, stack: Stack) -> None:
    meeting_id = stack.meeting(2, hosts=1)
    path = plan_of(stack, meeting_id)
    console = open_console(path).sign_in(VIEWER_KEY)
    console.room("Room 1").get_by_role("option").first.wait_for()
    buttons = {one.inner_text() for one in console.page.get_by_role("button").all()}
    assert buttons == {"Sign out", "Groups as CSV"}
    fields = console.page.locator("input:not([readonly]):not(:disabled), select:not(:disabled)").all()
    assert [one.get_attribute("type") for one in fields] == ["search"]
    stack.post(f"/v1/breakouts/{id_in(console)}/start")
    console.page.get_by_role("timer").wait_for()
    assert {one.inner_text() for one in console.page.get_by_role("button").all()} == {"Sign out"}
    stack.post(f"/v1/breakouts/{id_in(console)}/close", {"countdown_seconds": 0})


def test_a_session_that_ends_shows_the_sign_in_and_keeps_what_was_typed(open_console: Open, stack: Stack) -> None:
    meeting_id = stack.meeting(2)
    breakout = stack.breakout(meeting_id, rooms=2, duration_seconds=600)
    console = open_console(f"/console/breakouts/{breakout['id']}").sign_in()
    message = console.page.get_by_label("Message to everybody in the rooms")
    message.fill("Half a sentence")
    console.button("Close breakout").click()
    console.page.get_by_label("Seconds to come back").fill("7")
    stack.execute("DELETE FROM console_session")
    stack.patch(f"/v1/breakouts/{breakout['id']}", {"name": "Other"})
    console.page.get_by_text("Your session has ended").wait_for()
    assert not message.is_visible()
    console.sign_in()
    console.page.get_by_role("heading", name="Other", exact=True).wait_for()
    assert message.input_value() == "Half a sentence"
    assert console.page.get_by_label("Seconds to come back").input_value() == "7"
    console.button("No, go back").click()
    console.button("Broadcast").click()
    console.said("Sent to every room").wait_for()
    console.button("Sign out").click()
    console.page.get_by_label("API key").wait_for()
    assert message.count() == 0, "who signs out leaves nothing behind"
    stack.post(f"/v1/breakouts/{breakout['id']}/close", {"countdown_seconds": 0})


def test_a_move_that_fails_comes_back_with_the_reason(open_console: Open, stack: Stack) -> None:
    rooms = [{"name": "Full", "participants": ["p0"], "max_participants": 1}, {"name": "Other", "participants": ["p1"]}]
    breakout = stack.breakout(stack.meeting(2), start="manual", rooms=rooms, assignment={"mode": "manual"})
    console = open_console(f"/console/breakouts/{breakout['id']}").sign_in()
    console.person("Other", "P1").drag_to(console.room("Full"))
    console.said("P1 could not be moved").wait_for()
    console.person("Other", "P1").wait_for()
    assert console.person("Full", "P1").count() == 0


def test_after_a_lost_connection_the_page_is_right_without_reloading(open_console: Open, stack: Stack) -> None:
    meeting_id = stack.meeting(2)
    console = open_console(plan_of(stack, meeting_id)).sign_in()
    console.room("Room 1").wait_for()
    console.page.context.set_offline(True)
    stack.post(f"/v1/breakouts/{id_in(console)}/start")
    running = stack.wait(id_in(console), "open")
    assert console.button("Start breakout").is_visible()
    console.page.context.set_offline(False)
    console.page.get_by_role("timer").wait_for()
    stack.patch(f"/v1/breakouts/{running['id']}/rooms/{running['rooms'][0]['id']}", {"name": "Blue"})
    console.room("Blue").wait_for()
    stack.post(f"/v1/breakouts/{running['id']}/close", {"countdown_seconds": 0})


def test_who_asks_for_help_gets_the_host(open_console: Open, stack: Stack) -> None:
    meeting_id = stack.meeting(2, hosts=1)
    stack.people(meeting_id, ["p0", "p1", "h0"])
    stack.crowds.settle()
    breakout = stack.breakout(meeting_id, rooms=2)
    stack.wait(breakout["id"], "open")
    stack.crowds.settle()
    console = open_console(f"/console/breakouts/{breakout['id']}").sign_in()
    console.room("Room 1").wait_for()
    asking = {"Authorization": f"Bearer {stack.token(meeting_id, 'p0')}"}
    assert stack.api.post("/v1/seat/help", headers=asking).status_code == 201
    console.button("I'm coming").click()
    console.page.get_by_text("Nobody has asked for help").wait_for()
    room = next(one for one in stack.see(breakout["id"])["rooms"] if "p0" in str(one["participants"]))
    console.person(room["name"], "H0").wait_for()
    wait_until(lambda: stack.crowds.where()["h0"] == room["realtimekit_meeting_id"], what="the host's arrival")
    stack.post(f"/v1/breakouts/{breakout['id']}/close", {"countdown_seconds": 0})


def test_the_description_of_the_api_needs_no_other_server(open_console: Open) -> None:
    console = open_console("/docs")
    console.page.get_by_text("Create a breakout", exact=True).wait_for()


def test_a_meeting_shows_who_comes_and_what_is_planned_by_others(open_console: Open, stack: Stack) -> None:
    meeting_id = stack.meeting(2)
    console = open_console(f"/console/meetings/{meeting_id}").sign_in()
    console.page.get_by_text("0 of 2 people here").wait_for()
    console.page.get_by_text("No breakout is planned").wait_for()
    stack.people(meeting_id, ["p0"])
    console.page.get_by_text("1 of 2 people here").wait_for()
    console.page.get_by_role("listitem").filter(has_text="P0").get_by_text("in main").wait_for()
    stack.breakout(meeting_id, start="manual", rooms=2, name="Theirs")
    console.page.get_by_role("link", name="Theirs").click()
    console.button("Start breakout").wait_for()


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"color_scheme": "dark"},
        {"viewport": {"width": 390, "height": 844}},
        {"viewport": {"width": 640, "height": 430}},  # what 200 % leaves of 1280 by 860
    ],
    ids=["light", "dark", "phone", "doubled"],
)
def test_nothing_serious_for_those_who_see_less(open_console: Open, stack: Stack, context: dict[str, object]) -> None:
    meeting_id = stack.meeting(4, hosts=1)
    console = open_console("/console", **context)
    console.page.get_by_label("API key").wait_for()
    found = [*console.serious()]
    console.sign_in()
    running = stack.breakout(meeting_id, rooms=2, duration_seconds=600)
    pages = (plan_of(stack, meeting_id), f"/console/meetings/{meeting_id}", f"/console/breakouts/{running['id']}")
    for path in pages:
        console.page.goto(stack.url + path)
        console.page.get_by_role("heading", level=1).wait_for()
        console.page.get_by_text("P0", exact=True).first.wait_for()
        found += console.serious()
        assert console.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"
    console.person("Room 1", console.room("Room 1").locator(".who").first.inner_text()).click()
    for opener in ("Move to…", "Options of Room 1", "Close breakout"):
        console.button(opener).click()
        console.page.get_by_role("dialog").wait_for()
        found += console.serious()
        console.page.keyboard.press("Escape")
        console.page.get_by_role("dialog").wait_for(state="detached")
    stack.post(f"/v1/breakouts/{running['id']}/close", {"countdown_seconds": 0})
    console.page.get_by_text("Closed by an operator.").wait_for()
    found += console.serious()
    assert not found


def test_every_call_for_help_is_shown_however_many_there_were(open_console: Open, stack: Stack) -> None:
    meeting_id = stack.meeting(2)
    stack.people(meeting_id, ["p0", "p1"])
    stack.crowds.settle()
    breakout = stack.breakout(meeting_id, rooms=2)
    stack.wait(breakout["id"], "open", condition=lambda it: it["progress"]["participants"]["joined"] == 2)
    path = f"/v1/breakouts/{breakout['id']}"
    first, often = (call_of(stack, meeting_id, name) for name in ("p1", "p0"))
    first()
    for _ in range(MOST_IN_A_PAGE):
        stack.post(f"{path}/help/{often()}/resolve")
    often()
    console = opened(open_console, breakout["id"])
    console.page.get_by_text("2 people ask for help").wait_for()
    for name in ("P0", "P1"):
        console.page.get_by_role("listitem").filter(has_text=f"{name} in Room").wait_for()
    stack.post(f"{path}/close", {"countdown_seconds": 0})


def call_of(stack: Stack, meeting_id: str, name: str) -> Callable[[], str]:
    """Return what lets somebody ask for help, and returns the id of the call."""
    headers = {"Authorization": f"Bearer {stack.token(meeting_id, name)}"}

    def ask() -> str:
        answer = stack.api.post("/v1/seat/help", headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    return ask


def test_a_page_asks_for_nothing_that_a_viewer_may_not(open_console: Open, stack: Stack) -> None:
    breakout_id = draft(stack, people=2)
    console = open_console().sign_in(VIEWER_KEY)
    asked: set[str] = set()
    console.page.on("request", lambda request: asked.add(request.method))
    console.page.goto(f"{stack.url}/console/meetings/{stack.see(breakout_id)['meeting_id']}")
    console.page.get_by_role("link", name="Plan").click()
    console.room("Room 1").wait_for()
    for name in ("Theirs", "Theirs too"):  # each would be rehearsed
        stack.patch(f"/v1/breakouts/{breakout_id}", {"name": name})
        console.page.get_by_role("heading", name=name, exact=True).wait_for()
    stack.post(f"/v1/breakouts/{breakout_id}/start")
    console.page.get_by_role("timer").wait_for()
    stack.wait(breakout_id, "open")
    stack.post(f"/v1/breakouts/{breakout_id}/close", {"countdown_seconds": 0})
    console.page.get_by_text("Closed by an operator.").wait_for()
    assert asked == {"GET"}
