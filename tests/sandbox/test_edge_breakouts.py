"""RealtimeKit's own breakouts on the socket: meetings that a host's page makes, and people whom it moves."""

from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.sandbox.edge import breakout_messages as messages
from orchestrator.sandbox.edge.events import Room
from orchestrator.sandbox.edge.protobuf import Values
from tests.sandbox.page import Page, Refused
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import wait_until


@pytest.fixture
def main(sandbox: SandboxServer) -> str:
    """Make the parent meeting."""
    return str(sandbox.rest("POST", "/meetings", {"title": "Physics"})["id"])


def enter(sandbox: SandboxServer, meeting: str, name: str, preset: str = "group_call_participant") -> Page:
    body = {"custom_participant_id": name, "name": name.title(), "preset_name": preset}
    page = Page(sandbox, str(sandbox.rest("POST", f"/meetings/{meeting}/participants", body)["token"]))
    page.join()
    return page


@pytest.fixture
def host(sandbox: SandboxServer, main: str) -> Iterator[Page]:
    """Let a host join it."""
    with enter(sandbox, main, "hal", "group_call_host") as page:
        yield page


@pytest.fixture
def ann(sandbox: SandboxServer, main: str) -> Iterator[Page]:
    """Let a participant join it."""
    with enter(sandbox, main, "ann") as page:
        yield page


def create(page: Page, *titles: str) -> list[str]:
    asked = messages.CREATE.encode({"payloads": [{"title": title} for title in titles]})
    made = messages.CREATED.decode(page.ask(Room.CREATE_CONNECTED, asked))["payloads"]
    assert [each["title"] for each in made] == list(titles)
    return [each["id"] for each in made]


def move(page: Page, source: str, target: str, *ids: str, preset: str | None = None) -> list[Values]:
    people = [{"id": each, "preset_id": preset} for each in ids]
    asked = {"source_meeting_id": source, "destination_meeting_id": target, "participants": people}
    found: list[Values] = messages.MOVED.decode(page.ask(Room.MOVE, messages.MOVE.encode(asked)))["payloads"]
    return found


def people_of(page: Page) -> dict[str, list[str]]:
    """Return who is in main and in the rooms, by titles, as a page is told when it asks."""
    told = messages.MEETINGS.decode(page.ask(Room.CONNECTED_MEETINGS))
    meetings = [told["parent_meeting"], *told.get("meetings", [])]
    return {it["title"]: sorted(who["custom_participant_id"] for who in it.get("participants", [])) for it in meetings}


def test_a_host_makes_rooms_moves_somebody_and_takes_the_rooms_away(
    sandbox: SandboxServer, main: str, host: Page, ann: Page
) -> None:
    blue, _ = create(host, "Blue", "Green")
    assert [each["title"] for each in ann.heard(Room.CONNECTED_UPDATED, messages.CREATED)["payloads"]] == [
        "Blue",
        "Green",
    ]
    assert people_of(ann) == {"Physics": ["ann", "hal"], "Blue": [], "Green": []}
    mine = sandbox.records(main)["ann"]["id"]
    assert move(host, main, blue, mine) == [{"meeting_id": blue, "custom_participant_id": "ann"}]
    told = ann.heard(Room.TRANSFER, messages.TRANSFER)
    assert told["meeting_id"] == blue
    with Page(sandbox, told["auth_token"]) as there:
        there.join()
        assert host.heard(Room.MOVED, messages.MOVED_ONE) == {"meeting_id": blue, "custom_participant_id": "ann"}
        assert people_of(there)["Blue"] == ["ann"], "from a room all is seen as from main"
        move(host, blue, main, sandbox.records(blue)["ann"]["id"])
        assert there.heard(Room.TRANSFER, messages.TRANSFER)["meeting_id"] == main
    wait_until(lambda: people_of(host)["Blue"] == [], what="the room is empty")
    asked = messages.DELETE.encode({"payloads": [{"id": blue}, {"id": "none"}]})
    gone, unknown = messages.DELETED.decode(host.ask(Room.DELETE_CONNECTED, asked))["payloads"]
    assert (gone["id"], gone["status"], "error" in gone, "error" in unknown) == (blue, "INACTIVE", False, True)
    assert ann.heard(Room.CONNECTED_DELETED, messages.DELETED)["payloads"][0]["id"] == blue
    assert sandbox.rest("GET", f"/meetings/{blue}")["status"] == "INACTIVE"
    assert people_of(host) == {"Physics": ["ann", "hal"], "Green": []}


def test_a_move_may_give_another_preset(sandbox: SandboxServer, main: str, host: Page, ann: Page) -> None:
    [blue] = create(host, "Blue")
    hosts: Any = sandbox.rest("GET", "/presets")
    preset = next(each["id"] for each in hosts if each["name"] == "group_call_host")
    move(host, main, blue, sandbox.records(main)["ann"]["id"], preset=preset)
    ann.heard(Room.TRANSFER, messages.TRANSFER)
    assert sandbox.records(blue)["ann"]["preset_name"] == "group_call_host"


def test_who_has_no_page_in_that_meeting_is_not_moved(sandbox: SandboxServer, main: str, host: Page) -> None:
    body = {"custom_participant_id": "bo", "name": "Bo", "preset_name": "group_call_participant"}
    record = sandbox.rest("POST", f"/meetings/{main}/participants", body)
    sandbox.join(record["token"])
    [blue] = create(host, "Blue")
    [answer] = move(host, main, blue, record["id"])
    assert "error" in answer["error"]["message"], "the word by which the client knows"
    assert sandbox.present(main) == ["bo", "hal"]
    with pytest.raises(Refused, match="no meeting of this breakout"):
        move(host, main, "elsewhere", record["id"])


def test_presets_decide_who_may(sandbox: SandboxServer, main: str, host: Page, ann: Page) -> None:
    [blue] = create(host, "Blue")
    mine, hosts = (sandbox.records(main)[name]["id"] for name in ("ann", "hal"))
    for act in (lambda: create(ann, "Green"), lambda: move(ann, main, blue, hosts)):
        with pytest.raises(Refused, match="can_alter_connected_meetings"):
            act()
    with pytest.raises(Refused, match="can_switch_connected_meetings"):
        move(ann, main, blue, mine)
    move(host, main, blue, mine)
    with pytest.raises(Refused, match="can_switch_to_parent_meeting"):
        move(ann, blue, main, mine)
