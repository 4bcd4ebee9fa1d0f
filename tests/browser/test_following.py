"""A participant's page follows their seat with RealtimeKit's own client."""

from collections.abc import Callable

from tests.browser.site import BLANK, Site
from tests.browser.tab import Tab, main_of
from tests.support.stack import Stack
from tests.support.waiting import wait_until

OpenTab = Callable[[], Tab]


def token_of(stack: Stack, meeting: str, name: str) -> str:
    """Wait for the token with which the app's own page joins main."""
    return str(wait_until(lambda: stack.seat(meeting, name)["auth_token"], what="the token for main"))


def opened(stack: Stack, meeting: str, *people: str, **settings: object) -> tuple[str, str]:
    """Open one room for these people; return the breakout, and the room's meeting at RealtimeKit."""
    rooms = [{"name": "Blue", "participants": list(people)}]
    made = stack.breakout(meeting, rooms=rooms, assignment={"mode": "manual"}, **settings)
    found = stack.wait(made["id"], "open")
    return str(made["id"]), str(found["rooms"][0]["realtimekit_meeting_id"])


def test_a_client_that_the_page_has_made_is_told_as_on_a_native_move(stack: Stack, open_tab: OpenTab) -> None:
    meeting, tab = stack.meeting(1), open_tab()
    main = main_of(stack, meeting)
    token = token_of(stack, meeting, "p0")
    seat = tab.connect(stack.token(meeting, "p0"), meeting=token, join=False, audio=True)
    assert seat["realtimekit_meeting_id"] == main
    breakout, room = opened(stack, meeting, "p0")
    tab.page.wait_for_timeout(500)
    assert tab.names() == [], "it waits on the setup screen"
    tab.page.evaluate("first.join()")
    assert tab.arrives(room)["audio"]
    wait_until(lambda: len(tab.names()) == 4, what="all events")
    moved = ["changingMeeting", "native changingMeeting", "meetingChanged", "native meetingChanged"]
    assert tab.names() == moved
    assert {said[0] for said in map(tab.events, moved)} == {room}
    assert tab.page.evaluate("first.connectedMeetings.parentMeeting.id") == main
    stack.post(f"/v1/breakouts/{breakout}/close", {"countdown_seconds": 0})
    tab.arrives(main)


def test_who_is_kicked_is_back_as_they_were(stack: Stack, open_tab: OpenTab) -> None:
    meeting, tab = stack.meeting(1), open_tab()
    main = main_of(stack, meeting)
    tab.connect(stack.token(meeting, "p0"), audio=True, video=True)
    camera = tab.arrives(main)["camera"]
    kick = f"/meetings/{main}/active-session/kick"
    stack.sandbox.rest("POST", kick, {"custom_participant_ids": ["p0"]})
    state = tab.shows(lambda it: it["joined"] and it["camera"] and it["camera"] != camera, 5)
    assert (state["meeting"], state["audio"], state["video"], state["live"]) == (main, True, True, "live")
    stack.sandbox.end(main)
    wait_until(lambda: stack.sandbox.present(main) == ["p0"], what="the page is back")
    assert tab.shows(lambda it: it["joined"], 5)["audio"]


def test_who_leaves_is_not_brought_back_until_they_want(stack: Stack, open_tab: OpenTab) -> None:
    meeting, tab = stack.meeting(1), open_tab()
    main = main_of(stack, meeting)
    tab.connect(stack.token(meeting, "p0"))
    tab.arrives(main)
    tab.page.evaluate("session.meeting.leave()")
    wait_until(lambda: tab.events("left") == [{"state": "left"}], what="left")
    _, room = opened(stack, meeting, "p0")
    tab.page.wait_for_timeout(1000)
    assert stack.sandbox.present(room) == []
    tab.page.evaluate("session.resume()")
    tab.arrives(room)


def test_joins_that_fail_are_tried_again(stack: Stack, open_tab: OpenTab) -> None:
    meeting, tab = stack.meeting(1), open_tab()
    tab.connect(stack.token(meeting, "p0"), audio=True)
    tab.arrives(main_of(stack, meeting))
    stack.sandbox.faults({"operation": "edge_join", "kind": "refuse", "times": 4})
    _, room = opened(stack, meeting, "p0")
    assert tab.arrives(room)["audio"]
    assert stack.sandbox.faults_met("edge_join") == 4
    assert tab.names().count("changingMeeting") == 1


def test_a_refused_token_is_reported_and_a_new_one_is_taken(stack: Stack, open_tab: OpenTab) -> None:
    meeting, tab = stack.meeting(1), open_tab()
    tab.connect(stack.token(meeting, "p0"))
    tab.arrives(main_of(stack, meeting))
    stack.sandbox.faults({"operation": "edge_details", "kind": "refuse", "status": 401, "times": 1})
    _, room = opened(stack, meeting, "p0")
    tab.arrives(room)
    assert [said["code"] for said in tab.events("error")] == ["0004"]


def test_a_cut_connection_is_not_taken_for_gone(stack: Stack, open_tab: OpenTab) -> None:
    meeting, tab = stack.meeting(1), open_tab()
    main = main_of(stack, meeting)
    tab.connect(stack.token(meeting, "p0"), audio=True)
    tab.arrives(main)
    tab.page.evaluate("session.meeting.self.on('roomLeft', ({state}) => (window.lost = state))")
    stack.sandbox.cut("p0", 4)
    tab.page.wait_for_function("() => window.lost")
    assert tab.page.evaluate("window.lost") == "disconnected"
    tab.shows(lambda it: it["joined"], 20)
    assert tab.names() == []


def test_a_token_that_ends_is_asked_for_again(stack: Stack, open_tab: OpenTab) -> None:
    meeting, tab = stack.meeting(1), open_tab()
    tab.connect("eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.x", renewed=stack.token(meeting, "p0"))
    tab.arrives(main_of(stack, meeting))
    assert tab.page.evaluate("window.asked") == 1
    tab.page.evaluate("session.close()")
    rejected = tab.page.evaluate(
        """(baseUrl) => connectBreakouts({baseUrl, clientToken: "x", RealtimeKitClient})
            .then(() => null, ({status, code}) => [status, code])""",
        stack.url,
    )
    assert rejected == [401, "invalid_token"]


def test_two_tabs_share_a_stream_and_are_in_the_same_room(stack: Stack, open_tab: OpenTab) -> None:
    meeting, tabs = stack.meeting(1), [open_tab(), open_tab()]
    main, streams = main_of(stack, meeting), list[str]()
    for tab in tabs:
        tab.page.on("request", lambda request: streams.append(request.url) if "seat/events" in request.url else None)
        tab.connect(stack.token(meeting, "p0"))
        tab.arrives(main)
    breakout, room = opened(stack, meeting, "p0")
    for tab in tabs:
        tab.arrives(room)
    assert len(streams) == 1
    tabs[0].close()
    stack.post(f"/v1/breakouts/{breakout}/broadcast", {"text": "Hello"})
    stack.post(f"/v1/breakouts/{breakout}/close", {"countdown_seconds": 0})
    tabs[1].arrives(main)
    wait_until(lambda: tabs[1].events("broadcast") == [{"text": "Hello"}], what="the broadcast, once")


def test_polling_does_where_streams_are_blocked(stack: Stack, open_tab: OpenTab) -> None:
    meeting, tab = stack.meeting(1), open_tab()
    tab.page.route("**/v1/seat/events", lambda _route: None)
    tab.connect(stack.token(meeting, "p0"))
    tab.arrives(main_of(stack, meeting))
    _, room = opened(stack, meeting, "p0")
    tab.arrives(room)


def test_moves_in_the_middle_of_a_move_end_in_the_right_room(stack: Stack, open_tab: OpenTab) -> None:
    meeting, tab = stack.meeting(1), open_tab()
    tab.connect(stack.token(meeting, "p0"), audio=True, video=True)
    camera = tab.arrives(main_of(stack, meeting))["camera"]
    made = stack.breakout(meeting, rooms=["Blue", "Green"], assignment={"mode": "manual"})
    blue, green = stack.wait(made["id"], "open")["rooms"]
    for room in (blue, green, blue, green):
        stack.move(made["id"], "p0", room["id"])
        tab.page.wait_for_timeout(120)
    state = tab.arrives(green["realtimekit_meeting_id"])
    assert (state["audio"], state["video"], state["camera"]) == (True, True, camera)
    wait_until(lambda: stack.sandbox.present(green["realtimekit_meeting_id"]) == ["p0"], what="only there")
    assert stack.sandbox.present(blue["realtimekit_meeting_id"]) == []


def test_people_choose_and_ask_for_help_through_the_session(stack: Stack, open_tab: OpenTab) -> None:
    meeting, tab = stack.meeting(1), open_tab()
    tab.connect(stack.token(meeting, "p0"))
    tab.arrives(main_of(stack, meeting))
    made = stack.breakout(meeting, rooms=["Blue", "Green"], assignment={"mode": "self_select"})
    blue = stack.wait(made["id"], "open")["rooms"][0]
    refused = "session.askForHelp().then(() => null, ({status, code}) => [status, code])"
    assert tab.page.evaluate(refused)[0] == 409
    assert tab.page.evaluate("(id) => session.chooseRoom(id).then((seat) => seat.meeting_id)", blue["id"]) == meeting
    tab.arrives(blue["realtimekit_meeting_id"])
    assert tab.page.evaluate("session.askForHelp()")["room_id"] == blue["id"]
    tab.page.evaluate("session.chooseRoom(null)")
    tab.arrives(main_of(stack, meeting))


def test_all_tabs_see_how_many_have_chosen_each_room(stack: Stack, open_tab: OpenTab, open_browser: OpenTab) -> None:
    meeting, tabs, other = stack.meeting(2), [open_tab(), open_tab()], open_browser()
    made = stack.breakout(meeting, rooms=["Blue", "Green"], assignment={"mode": "self_select"})
    rooms = stack.wait(made["id"], "open")["rooms"]
    for tab, name in ((tabs[0], "p0"), (tabs[1], "p0"), (other, "p1")):
        tab.connect(stack.token(meeting, name))
        tab.arrives(main_of(stack, meeting))
    for room, told in zip(rooms, ([1, 0], [0, 1]), strict=True):
        version = stack.seat(meeting, "p0")["version"]
        other.page.evaluate("(id) => session.chooseRoom(id)", room["id"])
        for tab in tabs:
            sees(tab, told, version)
        other.arrives(room["realtimekit_meeting_id"])
    assert {tuple(tab.names()) for tab in tabs} == {()}, "nobody else moves"


def sees(tab: Tab, counts: list[int], version: int) -> None:
    """Wait until the last seat that the page was told has this version, and so many people in each room."""

    def look() -> bool:
        seat = tab.page.evaluate("session.seat")
        shown = [room["participant_count"] for room in seat["breakout"]["rooms"]]
        assert (shown, seat["version"]) == (counts, version)
        return bool(tab.events("seat")[-1:] == [seat])

    wait_until(look, what=f"{counts} by version {version}")


def test_a_server_that_is_restarted_in_the_middle_is_followed_again(stack: Stack, open_tab: OpenTab) -> None:
    meeting, tab = stack.meeting(1), open_tab()
    main = main_of(stack, meeting)
    tab.connect(stack.token(meeting, "p0"), audio=True)
    tab.arrives(main)
    breakout, room = opened(stack, meeting, "p0")
    tab.arrives(room)
    stack.api_process.kill()
    stack.sandbox.rest("POST", f"/meetings/{room}/active-session/kick", {"custom_participant_ids": ["p0"]})
    tab.arrives(room)
    stack.restart_api()
    stack.post(f"/v1/breakouts/{breakout}/close", {"countdown_seconds": 0})
    assert tab.arrives(main)["audio"]


def test_pages_follow_a_server_whose_backup_was_restored(stack: Stack, open_tab: OpenTab) -> None:
    meeting, tabs = stack.meeting(1), [open_tab(), open_tab()]  # the second is told by the first
    token, main = stack.token(meeting, "p0"), main_of(stack, meeting)
    for tab in tabs:
        tab.connect(token)
        tab.arrives(main)
    breakout, room = opened(stack, meeting, "p0")
    for tab in tabs:
        tab.arrives(room)
    stack.post(f"/v1/breakouts/{breakout}/broadcast", {"text": "Before"})
    for tab in tabs:
        wait_until(lambda tab=tab: tab.events("broadcast") == [{"text": "Before"}], what="a broadcast")  # type: ignore[misc]  # a default binds it
    stack.api_process.kill()
    stack.execute("UPDATE participant SET version = 0 WHERE meeting_id = :meeting", meeting=meeting)
    stack.execute("DELETE FROM event WHERE breakout_id = :id AND type = 'breakout.broadcast'", id=breakout)
    stack.execute("UPDATE breakout SET events = events - 1 WHERE id = :id", id=breakout)
    stack.restart_api()
    for tab in tabs:
        wait_until(lambda tab=tab: tab.events("seat")[-1]["version"] == 0, what="the seat of the backup")  # type: ignore[misc]  # a default binds it
    stack.post(f"/v1/breakouts/{breakout}/broadcast", {"text": "After"})
    stack.post(f"/v1/breakouts/{breakout}/close", {"countdown_seconds": 0})
    for tab in tabs:
        tab.arrives(main)
        assert tab.events("broadcast")[-1] == {"text": "After"}


def test_a_tab_whose_leader_sleeps_reads_the_stream_itself(stack: Stack, open_tab: OpenTab) -> None:
    meeting, leader, tab = stack.meeting(1), open_tab(), open_tab()
    main = main_of(stack, meeting)
    for each in (leader, tab):
        each.connect(stack.token(meeting, "p0"))
        each.arrives(main)
    asleep = 12
    leader.page.evaluate(f"setTimeout(() => {{ for (const end = Date.now() + {asleep}e3; Date.now() < end; ); }})")
    _, room = opened(stack, meeting, "p0")
    tab.arrives(room, asleep)
    leader.arrives(room)


def test_a_lost_network_and_a_page_that_is_loaded_again_end_in_the_right_room(stack: Stack, open_tab: OpenTab) -> None:
    meeting, tab = stack.meeting(1), open_tab()
    token = stack.token(meeting, "p0")
    tab.connect(token, audio=True)
    tab.arrives(main_of(stack, meeting))
    tab.page.context.set_offline(True)
    stack.sandbox.cut("p0", 2)
    _, room = opened(stack, meeting, "p0")
    tab.page.wait_for_timeout(1000)
    tab.page.context.set_offline(False)
    assert tab.arrives(room)["audio"]
    tab.open(tab.page.url)
    assert tab.connect(token)["realtimekit_meeting_id"] == room
    tab.arrives(room)
    wait_until(lambda: stack.sandbox.present(room) == ["p0"], what="the page that was left is out")


def test_a_strict_policy_needs_only_our_origin(stack: Stack, site: Site, open_tab: Callable[..., Tab]) -> None:
    sandbox, port = stack.sandbox.root, stack.sandbox.port
    theirs = f"http://*.localhost:{port} ws://*.localhost:{port}"
    policy = f"default-src 'none'; script-src 'self' 'unsafe-inline' {sandbox} {stack.url}; worker-src blob:; "
    policy += f"img-src data: blob:; media-src blob:; connect-src {theirs} {stack.url}"
    tag = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'.encode()
    site.pages["/strict"] = BLANK.replace(b"<title>", tag + b"<title>")
    meeting, tab = stack.meeting(1), open_tab(path="/strict")
    tab.connect(stack.token(meeting, "p0"))
    tab.arrives(main_of(stack, meeting))
    _, room = opened(stack, meeting, "p0")
    tab.arrives(room)
    add = "document.body.append(Object.assign(document.createElement('breakouts-status'), {session}))"
    tab.page.evaluate(f"(url) => import(`${{url}}/sdk/v1/breakouts-status.js`).then(() => {add})", stack.url)
    timer = tab.page.get_by_role("timer")
    assert timer.inner_text() == "No time limit"
    assert timer.evaluate("(it) => getComputedStyle(it).fontWeight") == "600", "styles are its own"
    assert not [said for said in tab.complaints if "Content Security Policy" in said]
