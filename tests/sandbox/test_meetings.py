"""Meetings and participants: lists, pages, searches, tokens."""

import jwt
import pytest

from tests.sandbox.kit import Kit


def test_lists_come_in_pages_and_the_newest_meeting_first(kit: Kit) -> None:
    for number in range(5):
        kit.meeting(f"Room {number}")
    pages = []
    for page in (1, 2, 3, 4):
        kit.api.meetings.get(kit.sandbox.app_id, **kit.account, page_no=page, per_page=2)
        pages.append([meeting["title"] for meeting in kit.body["data"]])
    assert pages == [["Room 4", "Room 3"], ["Room 2", "Room 1"], ["Room 0"], []]
    kit.api.meetings.get(kit.sandbox.app_id, **kit.account, page_no=2, per_page=2)
    assert kit.body["paging"] == {"total_count": 5, "start_offset": 3, "end_offset": 4}


def test_paging_ends_when_end_offset_reaches_the_total(kit: Kit) -> None:
    meeting_id = kit.meeting()
    for number in range(7):
        kit.participant(meeting_id, f"user-{number}")
    found, page, paging = [], 0, {"end_offset": -1, "total_count": 0}
    while paging["end_offset"] < paging["total_count"]:
        page += 1
        kit.api.meetings.get_meeting_participants(meeting_id, **kit.ids, page_no=page, per_page=3)
        found += [each["custom_participant_id"] for each in kit.body["data"]]
        paging = kit.body["paging"]
    assert found == [f"user-{number}" for number in range(7)]


def test_meetings_are_found_by_title_id_status_and_time(kit: Kit) -> None:
    old, new = kit.meeting("Breakout [k-1]"), kit.meeting("Breakout [k-2]")
    kit.api.meetings.update_meeting_by_id(old, **kit.ids, status="INACTIVE")

    def found(**filters: str) -> set[str]:
        answer = kit.request("GET", "/meetings", params=filters).json()
        return {meeting["id"] for meeting in answer["data"]}

    assert found(search="[K-1]") == {old}
    assert found(search=new) == {new}
    assert found(search="breakout") == {old, new}
    assert found(status="ACTIVE") == {new}
    assert found(start_time="2100-01-01T00:00:00Z") == set()
    assert found(end_time="2100-01-01T00:00:00Z") == {old, new}


def test_patch_changes_what_is_sent_and_put_resets_the_rest(kit: Kit) -> None:
    meeting_id = kit.meeting("Old", session_keep_alive_time_in_secs=300, persist_chat=True)
    kit.api.meetings.update_meeting_by_id(meeting_id, **kit.ids, title="New")
    assert (kit.data["title"], kit.data["session_keep_alive_time_in_secs"]) == ("New", 300)
    kit.api.meetings.replace_meeting_by_id(meeting_id, **kit.ids, title="Newer")
    assert (kit.data["title"], kit.data["session_keep_alive_time_in_secs"]) == ("Newer", 60)
    assert kit.data["persist_chat"] is False


def test_a_meeting_needs_no_body(kit: Kit) -> None:
    answer = kit.request("POST", "/meetings")
    assert answer.status_code == 201
    assert answer.json()["data"]["session_keep_alive_time_in_secs"] == 60


def test_a_token_names_the_participant_and_the_meeting(kit: Kit) -> None:
    meeting_id = kit.meeting()
    person = kit.participant(meeting_id)
    claims = jwt.decode(person["token"], options={"verify_signature": False})
    assert (claims["meetingId"], claims["participantId"]) == (meeting_id, person["id"])
    assert claims["exp"] - claims["iat"] == 8_640_000
    assert {"orgId", "presetId"} <= claims.keys()


def test_a_refreshed_token_is_new_and_the_old_one_still_works(kit: Kit) -> None:
    meeting_id = kit.meeting()
    person = kit.participant(meeting_id)
    kit.api.meetings.refresh_participant_token(person["id"], **kit.ids, meeting_id=meeting_id)
    fresh = kit.data["token"]
    assert fresh != person["token"]
    for token in (fresh, person["token"]):
        kit.sandbox.join(token)
    assert kit.sandbox.present(meeting_id) == ["ann", "ann"]


def test_a_participant_can_be_edited_and_replaced(kit: Kit) -> None:
    meeting_id = kit.meeting()
    path = f"/meetings/{meeting_id}/participants/{kit.participant(meeting_id)['id']}"
    edited = kit.request("PATCH", path, json={"name": "Anna", "preset_name": "group_call_host"}).json()["data"]
    assert (edited["name"], edited["preset_name"]) == ("Anna", "group_call_host")
    body = {"custom_participant_id": "anna", "preset_name": "webinar_viewer"}
    replaced = kit.request("PUT", path, json=body).json()["data"]
    assert (replaced["custom_participant_id"], replaced["name"]) == ("anna", None)
    assert replaced["token"]


@pytest.mark.parametrize("per_page", [0, 1000])
def test_absurd_page_sizes_are_cut_to_what_is_allowed(kit: Kit, per_page: int) -> None:
    kit.meeting()
    assert len(kit.request("GET", "/meetings", params={"per_page": per_page}).json()["data"]) == 1


def test_presets_can_be_changed_and_deleted(kit: Kit) -> None:
    first = kit.request("GET", "/presets", params={"search": "viewer"}).json()["data"][0]
    path = f"/presets/{first['id']}"
    assert kit.request("PATCH", path, json={"name": "group_call_host"}).status_code == 409
    assert kit.request("PATCH", path, json={"name": "guest"}).json()["data"]["name"] == "guest"
    whole = kit.request("GET", path).json()["data"]
    body = {"name": "visitor", "config": {}, "permissions": whole["permissions"], "ui": {}}
    assert kit.request("PUT", path, json=body).json()["data"]["name"] == "visitor"
    assert kit.request("DELETE", path).status_code == 200
    assert kit.request("GET", path).status_code == 404
