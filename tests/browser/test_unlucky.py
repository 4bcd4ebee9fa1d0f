"""What comes in the middle of a move, or gets lost, leaves a page where its person's seat is."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Route

from tests.browser.tab import Tab, main_of
from tests.browser.test_following import opened, token_of
from tests.support.stack import Stack
from tests.support.waiting import wait_until

OpenTab = Callable[[], Tab]
OURS = {"Access-Control-Allow-Origin": "*"}
REFUSED = "(it) => [it.status, it.code, typeof it.detail]"


@pytest.mark.parametrize("moment", ["it begins", "it fails"])
def test_who_leaves_in_the_middle_of_a_move_stays_out(stack: Stack, open_tab: OpenTab, moment: str) -> None:
    meeting, tab = stack.meeting(1), open_tab()
    main = main_of(stack, meeting)
    tab.connect(stack.token(meeting, "p0"), audio=True)
    tab.arrives(main)
    if moment == "it begins":
        tab.page.evaluate("""session.on("changingMeeting", function leave() {
            session.off("changingMeeting", leave); session.meeting.leave(); })""")
    stack.sandbox.faults({"operation": "edge_join", "kind": "refuse", "times": None})
    _, room = opened(stack, meeting, "p0")
    if moment == "it fails":
        wait_until(lambda: stack.sandbox.faults_met("edge_join"), what="a join that fails")
        tab.page.evaluate("session.meeting.leave()")
    wait_until(lambda: tab.events("left") == [{"state": "left"}], what="left")
    stack.sandbox.faults()
    tab.page.wait_for_timeout(1500)
    assert (stack.sandbox.present(room), stack.sandbox.present(main)) == ([], [])
    tab.page.evaluate("session.resume()")
    assert tab.arrives(room)["audio"]
    assert tab.names().count("meetingChanged") == 1


def test_a_session_that_is_closed_as_a_move_begins_leaves_the_meeting_as_it_is(stack: Stack, open_tab: OpenTab) -> None:
    meeting, tab = stack.meeting(1), open_tab()
    tab.connect(stack.token(meeting, "p0"))
    main = tab.arrives(main_of(stack, meeting))["meeting"]
    tab.page.evaluate("session.on('changingMeeting', () => session.close())")
    _, room = opened(stack, meeting, "p0")
    wait_until(lambda: tab.events("changingMeeting") == [room], what="the beginning of the move")
    tab.page.wait_for_timeout(1500)
    assert (stack.sandbox.present(main), stack.sandbox.present(room), tab.meeting) == (["p0"], [], main)


SLOW_INIT = """() => { const init = RealtimeKitClient.init.bind(RealtimeKitClient);
    RealtimeKitClient.init = async (options) => {
        window.begun = true; await new Promise((go) => setTimeout(go, 1000)); return init(options); }; }"""
SLOW_MICROPHONE = """() => { const init = RealtimeKitClient.init.bind(RealtimeKitClient);
    RealtimeKitClient.init = async (options) => {
        const it = await init(options), on = it.self.enableAudio.bind(it.self);
        it.self.enableAudio = async () => {
            window.begun = true; await new Promise((go) => setTimeout(go, 1500)); return on(); };
        return it; }; }"""


def half_way(stack: Stack, open_tab: OpenTab, slowed: str) -> tuple[Tab, str]:
    """Return a page in the middle of a move that is slowed so, and the meeting of the room to which it goes."""
    meeting, tab = stack.meeting(1), open_tab()
    tab.connect(stack.token(meeting, "p0"), audio=True)
    tab.arrives(main_of(stack, meeting))
    tab.page.evaluate(slowed)
    _, room = opened(stack, meeting, "p0")
    tab.page.wait_for_function("() => window.begun")
    return tab, room


def test_a_session_that_is_closed_half_way_leaves_the_page_in_one_meeting(stack: Stack, open_tab: OpenTab) -> None:
    tab, room = half_way(stack, open_tab, SLOW_INIT)
    tab.page.evaluate("session.close()")
    assert tab.arrives(room)["audio"]


def test_who_leaves_while_their_microphone_is_switched_on_stays_out(stack: Stack, open_tab: OpenTab) -> None:
    tab, room = half_way(stack, open_tab, SLOW_MICROPHONE)
    tab.page.evaluate("session.meeting.leave()")
    wait_until(lambda: tab.events("left") == [{"state": "left"}], what="left")
    wait_until(lambda: stack.sandbox.present(room) == [], what="nobody there")
    assert "meetingChanged" not in tab.names()


@pytest.mark.parametrize("lost", ["answered 503", "cut"])
def test_a_refused_token_is_reported_until_the_report_arrives(stack: Stack, open_tab: OpenTab, lost: str) -> None:
    meeting, tab, met = stack.meeting(1), open_tab(), list[str]()
    tab.connect(stack.token(meeting, "p0"))
    tab.arrives(main_of(stack, meeting))

    def lose(route: Route) -> None:
        if "refused" not in (route.request.post_data or "") or met:
            route.continue_()
            return
        met.append(lost)
        route.abort() if lost == "cut" else route.fulfill(status=503, headers=OURS | {"Retry-After": "1"})

    tab.page.route("**/v1/seat/ack", lose)
    stack.sandbox.faults({"operation": "edge_details", "kind": "refuse", "status": 401, "times": 1})
    _, room = opened(stack, meeting, "p0")
    tab.arrives(room)
    assert met == [lost]


def test_a_page_that_stays_open_follows_who_is_let_in_again(stack: Stack, open_tab: OpenTab) -> None:
    meeting, tab = stack.meeting(1), open_tab()
    main, gone = main_of(stack, meeting), list[str]()
    breakout, room = opened(stack, meeting, "p0")
    tab.page.expose_function("mint", lambda: None if gone else stack.token(meeting, "p0"))
    init = {"baseURI": f"localhost:{stack.sandbox.port}"}
    tab.page.evaluate(
        """async ({baseUrl, init}) => { window.session = await connectBreakouts(
            {baseUrl, init, RealtimeKitClient, meeting: null, getClientToken: () => window.mint()}) }""",
        {"baseUrl": stack.url, "init": init},
    )
    wait_until(lambda: tab.meeting == room, what="in the room")
    stack.post(f"/v1/breakouts/{breakout}/close", {"countdown_seconds": 0})
    wait_until(lambda: tab.meeting == main, what="in main")
    gone.append("p0")
    assert stack.api.delete(f"/v1/meetings/{meeting}/participants/p0").status_code == 202
    wait_until(lambda: stack.sandbox.present(main) == [], what="out")
    stack.post(
        f"/v1/meetings/{meeting}/participants", {"participants": [{"custom_participant_id": "p0", "name": "P0"}]}
    )
    token_of(stack, meeting, "p0")
    gone.clear()
    wait_until(lambda: tab.meeting == main and stack.sandbox.present(main) == ["p0"], what="in main again")
    _, room = opened(stack, meeting, "p0")
    wait_until(lambda: tab.meeting == room, what="in the next room")


def test_a_token_that_has_little_left_when_it_comes_is_used(stack: Stack, open_tab: OpenTab) -> None:
    meeting, tab = stack.meeting(1), open_tab()
    tab.page.evaluate("() => { const real = Date.now; Date.now = () => real() + 45_000; }")
    tab.connect(None, renewed=stack.token(meeting, "p0", ttl_seconds=60))
    tab.arrives(main_of(stack, meeting))
    breakout, room = opened(stack, meeting, "p0")
    tab.arrives(room)
    stack.post(f"/v1/breakouts/{breakout}/broadcast", {"text": "Hello"})
    wait_until(lambda: tab.events("broadcast") == [{"text": "Hello"}], what="the broadcast")


def test_calls_reject_in_one_form_whoever_answers_or_nobody(stack: Stack, open_tab: OpenTab) -> None:
    meeting, tab = stack.meeting(1), open_tab()
    tab.connect(stack.token(meeting, "p0"))
    tab.arrives(main_of(stack, meeting))
    page = '<html lang="en">Please sign in to this network</html>'
    tab.page.route("**/v1/seat/help", lambda route: route.fulfill(headers=OURS, content_type="text/html", body=page))
    assert tab.page.evaluate(f"session.askForHelp().catch({REFUSED})") == [0, "bad_answer", "string"]
    tab.page.unroute("**/v1/seat/help")
    tab.page.context.set_offline(True)
    for call in ("chooseRoom(null)", "askForHelp()"):
        assert tab.page.evaluate(f"session.{call}.catch({REFUSED})") == [0, "network", "string"]
    tab.page.context.set_offline(False)
