"""Pages of RealtimeKit's client in the sandbox: what they ask and hear, beside simulated people."""

from contextlib import suppress

import httpx
import pytest
from websockets.exceptions import InvalidMessage, InvalidStatus

from orchestrator.sandbox.edge import breakout_messages, media_messages, messages
from orchestrator.sandbox.edge.events import Chat, Media, Polls, Room
from tests.sandbox.page import Page, Refused, details, shown
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import LONG, wait_until


@pytest.fixture
def meeting(sandbox: SandboxServer) -> str:
    """Make a meeting."""
    return str(sandbox.rest("POST", "/meetings", {"title": "Physics"})["id"])


def token(sandbox: SandboxServer, meeting: str, name: str, preset: str = "group_call_participant") -> str:
    body = {"custom_participant_id": name, "name": name.title(), "preset_name": preset}
    return str(sandbox.rest("POST", f"/meetings/{meeting}/participants", body)["token"])


def connected(sandbox: SandboxServer, token: str, own_id: str) -> Page | None:
    """Return a page that has come through; None while the network is down."""
    with suppress(InvalidStatus):
        return Page(sandbox, token, own_id)
    return None


def reached(sandbox: SandboxServer, token: str, own_id: str) -> Page | None:
    """Return a page that has come through; None while there is an outage."""
    with suppress(OSError, InvalidMessage):
        return Page(sandbox, token, own_id)
    return None


def test_the_client_learns_who_it_is(sandbox: SandboxServer, meeting: str) -> None:
    answer = details(sandbox, token(sandbox, meeting, "ann"))
    found = shown(answer)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert found["participant"]["custom_participant_id"] == "ann"
    assert "picture" not in found["participant"]
    assert found["meeting"] == {"title": "Physics"}
    assert found["preset"]["permissions"]["stage_access"] == "ALLOWED"
    assert found["preset"]["ui"]["design_tokens"]["colors"]["brand"]["500"]
    assert details(sandbox, "eyJ.e30.x").status_code == 401


def test_a_page_and_a_simulated_person_see_each_other(sandbox: SandboxServer, meeting: str) -> None:
    first = sandbox.join(token(sandbox, meeting, "bo"))
    with Page(sandbox, token(sandbox, meeting, "ann")) as page:
        assert page.join()["stage_type"] == 1
        there = messages.PEERS.decode(page.ask(Room.PEERS))["peers"]
        assert {peer["display_name"] for peer in there} == {"Ann", "Bo"}
        joined = sandbox.join(token(sandbox, meeting, "cy"))
        assert page.heard(Room.JOIN, messages.PEER_INFO)["peer"]["custom_participant_id"] == "cy"
        sandbox.leave(joined["peer_id"])
        assert page.heard(Room.LEAVE, messages.LEAVE)["peer"]["custom_participant_id"] == "cy"
        assert sandbox.present(meeting) == ["ann", "bo"]
    wait_until(lambda: sandbox.present(meeting) == ["bo"], what="the page has left")
    assert first["session_id"] in {session["id"] for session in sandbox.state()["sessions"]}


def test_pages_know_whose_camera_is_on(sandbox: SandboxServer, meeting: str) -> None:
    with Page(sandbox, token(sandbox, meeting, "ann")) as ann, Page(sandbox, token(sandbox, meeting, "bo")) as bo:
        ann.join()
        bo.join()
        bo.ask(Media.JOINED)
        offer = {"type": "offer", "sdp": "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=sendonly\r\n"}
        made = media_messages.TRANSPORT_REQUEST.encode({"consuming": False, "description": offer})
        transport = media_messages.TRANSPORT.decode(ann.ask(Media.TRANSPORT, made))["transport_id"]
        asked = {"kind": "video", "description": offer, "producing_transport_id": transport}
        producer = media_messages.PRODUCE.decode(ann.ask(Media.PRODUCE, media_messages.PRODUCE_REQUEST.encode(asked)))[
            "producer_id"
        ]
        told = bo.heard(Media.PRODUCER_CREATED, media_messages.PRODUCER_CREATED)
        assert (told["participant_id"], told["producer_state"]["kind"]) == (ann.own_id, media_messages.VIDEO)
        assert [peer["video"] for peer in sandbox.state()["peers"]] == [True, False]
        ann.ask(Media.TOGGLE_PRODUCER, media_messages.TOGGLE_REQUEST.encode({"producer_id": producer, "pause": True}))
        assert bo.heard(Media.PRODUCER_TOGGLED, media_messages.PRODUCER_TOGGLED)["producer_state"]["pause"]
        assert [peer["video"] for peer in sandbox.state()["peers"]] == [False, False]


def test_pages_are_kicked_and_their_meeting_is_ended(sandbox: SandboxServer, meeting: str) -> None:
    with Page(sandbox, token(sandbox, meeting, "ann")) as ann, Page(sandbox, token(sandbox, meeting, "bo")) as bo:
        ann.join()
        bo.join()
        sandbox.rest("POST", f"/meetings/{meeting}/active-session/kick", {"custom_participant_ids": ["ann"]})
        ann.heard(Room.KICK, messages.PEER_INFO)
        assert sandbox.present(meeting) == ["bo"]
        ann.join()
        assert sandbox.present(meeting) == ["ann", "bo"]
        sandbox.end(meeting)
        for page in (ann, bo):
            page.heard(Room.KICK_ALL, messages.PEER_INFO)


def test_a_page_whose_connection_breaks_may_come_back(sandbox: SandboxServer, meeting: str) -> None:
    mine = token(sandbox, meeting, "ann")
    page = Page(sandbox, mine)
    page.join()
    assert sandbox.cut("ann", LONG) == {"cut": 1}
    assert page.ended()
    with pytest.raises(InvalidStatus):
        Page(sandbox, mine)
    assert sandbox.present(meeting) == ["ann"]
    sandbox.cut("ann", 0.1)
    again = wait_until(lambda: connected(sandbox, mine, page.own_id), what="the network is back")
    assert again
    with again:
        again.join()
        assert len(sandbox.state()["peers"]) == 1
    sandbox.timings(page_lost_after=0)
    other = Page(sandbox, mine)
    other.join()
    sandbox.cut("ann", 0)
    wait_until(lambda: sandbox.present(meeting) == [], what="the lost page is out")


def test_an_outage_cuts_everybody_off_and_ends(sandbox: SandboxServer, meeting: str) -> None:
    mine = token(sandbox, meeting, "ann")
    page = Page(sandbox, mine)
    page.join()
    assert sandbox.outage(LONG) == {"cut": 1}
    assert page.ended()
    for reach in (lambda: Page(sandbox, mine), lambda: details(sandbox, mine), lambda: sandbox.rest("GET", "/presets")):
        with pytest.raises((OSError, InvalidMessage, httpx.TransportError)):
            reach()
    assert sandbox.present(meeting) == ["ann"], "tests still see all"
    sandbox.outage(0.1)
    again = wait_until(lambda: reached(sandbox, mine, page.own_id), what="it is back")
    with again or page:
        (again or page).join()
        assert len(sandbox.state()["peers"]) == 1


def test_a_join_fails_on_request_and_succeeds_when_repeated(sandbox: SandboxServer, meeting: str) -> None:
    sandbox.faults({"operation": "edge_join", "kind": "refuse", "match": "ann", "message": "not now"})
    with Page(sandbox, token(sandbox, meeting, "ann")) as page:
        with pytest.raises(Refused, match="not now"):
            page.join()
        assert sandbox.present(meeting) == []
        page.join()
    sandbox.faults({"operation": "edge_join", "kind": "reset_after"})
    page = Page(sandbox, token(sandbox, meeting, "bo"))
    page.send_join()
    assert page.ended()
    assert "bo" in sandbox.present(meeting)


def test_the_details_fail_on_request(sandbox: SandboxServer, meeting: str) -> None:
    mine = token(sandbox, meeting, "ann")
    sandbox.faults({"operation": "edge_details", "kind": "error_before"})
    assert [details(sandbox, mine).status_code, details(sandbox, mine).status_code] == [500, 200]
    sandbox.timings(token_lifetime_seconds=0.001)
    assert details(sandbox, token(sandbox, meeting, "bo")).status_code == 401


def test_chat_and_polls_reach_the_others(sandbox: SandboxServer, meeting: str) -> None:
    with Page(sandbox, token(sandbox, meeting, "ann")) as ann, Page(sandbox, token(sandbox, meeting, "bo")) as bo:
        ann.join()
        bo.join()
        ann.ask(Chat.SEND, messages.CHAT_SEND.encode({"payload": "hello"}))
        heard = bo.heard(Chat.SEND, messages.CHAT_SENT)["message"]
        assert (heard["payload"], heard["display_name"]) == ("hello", "Ann")
        assert messages.CHAT_MESSAGES.decode(bo.ask(Chat.MESSAGES))["messages"] == [heard]
        path = f"/meetings/{meeting}/active-session/poll"
        sandbox.rest("POST", path, {"question": "Ready?", "options": ["yes", "no"]})
        poll = ann.heard(Polls.CREATE, messages.POLL_UPDATE)["poll"]
        bo.ask(Polls.VOTE, messages.POLL_VOTING.encode({"poll_id": poll["poll_id"], "index": 1}))
        counts = [option.get("count", 0) for option in ann.heard(Polls.VOTE, messages.POLL_UPDATE)["poll"]["options"]]
        assert counts == [0, 1]


def test_the_recording_light_comes_on_and_goes_out(sandbox: SandboxServer, meeting: str) -> None:
    with Page(sandbox, token(sandbox, meeting, "ann")) as page:
        page.join()
        recording = sandbox.rest("POST", "/recordings", {"meeting_id": meeting})["id"]
        assert page.heard(Room.RECORDING_STARTED, messages.RECORDING)["recording_id"] == recording
        room = messages.ROOM_INFO.decode(page.ask(Room.INFO))["room"]
        assert [each["recording_status"] for each in room["active_recordings"]] == ["RECORDING"]
        sandbox.rest("PUT", f"/recordings/{recording}", {"action": "stop"})
        assert page.heard(Room.RECORDING_STOPPED, messages.RECORDING)["recording_id"] == recording


def test_a_page_is_told_to_go_to_another_meeting(sandbox: SandboxServer, meeting: str) -> None:
    room = str(sandbox.rest("POST", "/meetings", {"title": "Room"})["id"])
    there = token(sandbox, room, "ann")
    with Page(sandbox, token(sandbox, meeting, "ann")) as page:
        page.join()
        sandbox.transfer(page.own_id, there)
        told = page.heard(Room.TRANSFER, breakout_messages.TRANSFER)
        assert told == {"meeting_id": room, "auth_token": there}


def test_only_those_whose_preset_allows_it_kick(sandbox: SandboxServer, meeting: str) -> None:
    host = token(sandbox, meeting, "hal", "group_call_host")
    with Page(sandbox, token(sandbox, meeting, "ann")) as ann, Page(sandbox, host) as hal:
        ann.join()
        hal.join()
        with pytest.raises(Refused, match="kick_participant"):
            ann.ask(Room.KICK, messages.REMOVE.encode({"peer_ids": [hal.own_id]}))
        hal.ask(Room.KICK, messages.REMOVE.encode({"peer_ids": [ann.own_id]}))
        assert sandbox.present(meeting) == ["hal"]
