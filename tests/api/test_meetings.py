"""Meetings and their participants."""

import time
from datetime import datetime

import jwt
import pytest

from tests.api.server import JSON, UNKNOWN_ID, Api, bearer, checked
from tests.support.sandbox_server import SandboxServer

M = {
    "id",
    "realtimekit_meeting_id",
    "title",
    "host_preset",
    "participant_preset",
    "room_presets",
    "ends_at",
    "created_at",
    "participant_count",
    "present_count",
    "unregistered_present",
    "version",
}
P_PLUS = {
    "id",
    "custom_participant_id",
    "name",
    "role",
    "preset_name",
    "attributes",
    "present",
    "location",
    "room_id",
}


def people_path(meeting: JSON) -> str:
    return f"/v1/meetings/{meeting['id']}/participants"


def test_a_meeting_is_made_at_realtimekit(api: Api, sandbox: SandboxServer) -> None:
    made = api.meeting("ana", "bo", hosts=("cy",))
    assert set(made) == M
    assert (made["participant_count"], made["present_count"]) == (3, 0)
    assert (made["host_preset"], made["participant_preset"]) == ("group_call_host", "group_call_participant")
    assert made["created_at"].endswith("Z")
    assert datetime.fromisoformat(made["created_at"])
    assert [each["id"] for each in sandbox.state()["meetings"]] == [made["realtimekit_meeting_id"]]
    assert api.get(f"/v1/meetings/{made['id']}") == made


def test_a_meeting_that_exists_is_adopted(api: Api) -> None:
    theirs = api.meeting("ana")["realtimekit_meeting_id"]
    assert api.post("/v1/meetings", {"realtimekit_meeting_id": theirs}, 201)["realtimekit_meeting_id"] == theirs


def test_settings_of_a_meeting_that_is_adopted_again_are_passed_over(api: Api) -> None:
    theirs = api.meeting("ana")
    past = {"host_preset": "no_such_preset", "ends_at": "2020-01-01T00:00:00Z", "title": "Another"}
    bo = {"participants": [{"custom_participant_id": "bo", "name": "Bo"}]}
    again = api.post("/v1/meetings", {"realtimekit_meeting_id": theirs["realtimekit_meeting_id"]} | past | bo, 201)
    assert again == theirs | {"participant_count": 2, "version": 2}
    own: JSON = {"participants": [bo["participants"][0] | {"preset_name": "no_such_preset"}]}
    api.post("/v1/meetings", {"realtimekit_meeting_id": theirs["realtimekit_meeting_id"]} | own, 422)


def test_a_meeting_that_would_have_ended_is_not_made(api: Api, sandbox: SandboxServer) -> None:
    answer = api.post("/v1/meetings", {"title": "Physics", "ends_at": "2020-01-01T00:00:00Z"}, 422)
    assert (answer["code"], answer["errors"][0]["loc"]) == ("time_past", ["body", "ends_at"])
    assert sandbox.state()["meetings"] == []


def test_a_meeting_that_realtimekit_does_not_have_is_422(api: Api) -> None:
    api.post("/v1/meetings", {"realtimekit_meeting_id": "9c0b6f8e-0000-4000-8000-000000000000"}, 422)
    assert api.get("/v1/meetings")["items"] == []


def test_presets_are_checked(api: Api) -> None:
    answer = api.post("/v1/meetings", {"title": "Physics", "host_preset": "no_such_preset"}, 422)
    assert "no_such_preset" in answer["detail"]


def test_a_meeting_is_changed_field_by_field(api: Api) -> None:
    made = api.meeting("ana")
    path = f"/v1/meetings/{made['id']}"
    assert (made["ends_at"], made["room_presets"]) == (None, {"host": None, "participant": None})
    changes: JSON = {
        "title": "Biology",
        "ends_at": "2199-01-01T12:00:00Z",
        "room_presets": {"host": "webinar_presenter"},
    }
    changed = checked(api.client.patch(path, json=changes), 200)
    expected = changes | {"room_presets": {"host": "webinar_presenter", "participant": None}, "version": 2}
    assert changed == made | expected
    assert checked(api.client.patch(path, json={"ends_at": None}), 200) == changed | {"ends_at": None, "version": 3}
    for wrong in (
        {"title": None},
        {"title": ""},
        {"ends_at": "2001-01-01T00:00:00Z"},
        {"colour": 1},
        {"host_preset": "no"},
    ):
        assert checked(api.client.patch(path, json=wrong), 422)["errors"]
    checked(api.client.patch(f"/v1/meetings/{UNKNOWN_ID}", json={"host_preset": "no"}), 404)


@pytest.mark.parametrize("what", ["participants", "breakouts"])
def test_a_preset_that_realtimekit_does_not_have_is_422_wherever_it_is_named(api: Api, what: str) -> None:
    path = f"/v1/meetings/{api.meeting('ana')['id']}/{what}"
    bodies: dict[str, JSON] = {
        "participants": {"participants": [{"custom_participant_id": "bo", "name": "Bo", "preset_name": "no_such"}]},
        "breakouts": {"rooms": 1, "room_presets": {"host": "no_such"}},
    }
    assert "no_such" in api.post(path, bodies[what], 422)["detail"]
    api.post(path.replace(path.split("/")[3], UNKNOWN_ID), bodies[what], 404)


def test_while_realtimekit_refuses_calls_a_meeting_is_503(api: Api, sandbox: SandboxServer) -> None:
    sandbox.faults({"kind": "rate_limited", "times": None, "retry_after": 7})
    answer = api.client.post("/v1/meetings", json={"title": "Physics"})
    checked(answer, 503)
    assert int(answer.headers["retry-after"]) >= 1
    assert api.get("/v1/meetings")["items"] == []


def test_people_are_registered_in_the_order_given_and_brought_up_to_date(api: Api) -> None:
    meeting = api.meeting("ana")
    ana = {"custom_participant_id": "ana", "name": "Ana B.", "role": "host", "attributes": {"team": "blue"}}
    body = {"participants": [{"custom_participant_id": "bo", "name": "Bo"}, ana]}
    bo, ana = api.post(people_path(meeting), body)["participants"]
    assert set(bo) == P_PLUS
    assert (bo["name"], bo["role"], bo["attributes"], bo["preset_name"]) == ("Bo", "participant", {}, None)
    assert (ana["name"], ana["role"], ana["attributes"]) == ("Ana B.", "host", {"team": "blue"})
    assert (bo["present"], bo["location"], bo["room_id"]) == (False, "away", None)
    assert api.get(f"/v1/meetings/{meeting['id']}")["participant_count"] == 2


def test_what_is_not_said_of_somebody_again_stays(api: Api) -> None:
    meeting = api.meeting()
    ana: JSON = {"custom_participant_id": "ana", "name": "Ana"}
    more: JSON = {"attributes": {"team": "blue"}, "preset_name": "group_call_host"}
    for told in (ana | more, ana | {"name": "Ana B."}, ana | {"attributes": {}}, ana | {"preset_name": None}):
        api.post(people_path(meeting), {"participants": [told]})
        now = api.get(people_path(meeting))["items"][0]
        more |= {key: value for key, value in told.items() if key in more}
        assert now["name"] == told["name"]
        assert {key: now[key] for key in more} == more


NONSENSE: list[object] = [
    [],
    [{}] * 1001,
    [{"custom_participant_id": "", "name": "x"}],
    [{"custom_participant_id": "x" * 201, "name": "x"}],
    [{"custom_participant_id": "a\x00", "name": "x"}],
    [{"custom_participant_id": "a", "name": "\x07"}],
    [{"custom_participant_id": " a", "name": "x"}],
    [{"custom_participant_id": "a\u3000", "name": "x"}],
    [{"custom_participant_id": "a"}],
    [{"custom_participant_id": 7, "name": "x"}],
    [{"custom_participant_id": "a", "name": "x", "role": "boss"}],
    [{"custom_participant_id": "a", "name": "x", "auth_token": "x"}],
    [{"custom_participant_id": "a", "name": "x", "attributes": {"n": 1}}],
    [{"custom_participant_id": "a", "name": "x"}, {"custom_participant_id": "a", "name": "y"}],
    None,
]


def test_people_that_make_no_sense_are_422(api: Api) -> None:
    meeting = api.meeting()
    for people in NONSENSE:
        api.post(people_path(meeting), {"participants": people}, 422)
    assert api.get(people_path(meeting))["items"] == []


def test_the_id_stands_in_for_a_name_that_shows_nothing(api: Api) -> None:
    meeting = api.meeting("ana")
    for name in ("", " ", "\u200b\u2003\u200f"):
        told = [{"custom_participant_id": each, "name": name} for each in ("ana", "bo")]
        people = api.post(people_path(meeting), {"participants": told})["participants"]
        assert [person["name"] for person in people] == ["ana", "bo"]


def test_lists_come_in_pages(api: Api) -> None:
    names = [f"p{number:02}" for number in range(25)]
    meeting = api.meeting(*names)
    seen: list[str] = []
    cursor: JSON = {}
    while True:
        page = api.get(people_path(meeting), limit=10, **cursor)
        seen += [person["custom_participant_id"] for person in page["items"]]
        if page["next_cursor"] is None:
            break
        assert len(page["items"]) == 10
        cursor = {"cursor": page["next_cursor"]}
    assert sorted(seen) == names
    for _ in range(2):
        api.meeting()
    first = api.get("/v1/meetings", limit=1)
    assert first["items"][0]["id"] == meeting["id"]
    rest = api.get("/v1/meetings", cursor=first["next_cursor"])
    assert (len(rest["items"]), rest["next_cursor"]) == (2, None)


def test_a_page_holds_fifty_unless_said_otherwise(api: Api) -> None:
    meeting = api.meeting(*[f"p{number}" for number in range(51)])
    assert len(api.get(people_path(meeting))["items"]) == 50
    assert len(api.get(people_path(meeting), limit=200)["items"]) == 51


NAMES = ["ana", "a/b", "a b", "ü@example.org", "client-tokens", "..", "100%"]


def test_any_name_a_caller_uses_can_stand_in_a_path(api: Api) -> None:
    meeting = api.meeting()
    api.post(people_path(meeting), {"participants": [{"custom_participant_id": name, "name": "x"} for name in NAMES]})
    for name in NAMES:
        path = f"{people_path(meeting)}/{''.join(f'%{byte:02X}' for byte in name.encode())}"
        token = api.post(f"{path}/client-tokens", {}, 201)["token"]
        assert api.stranger.get("/v1/seat", headers=bearer(token)).json()["meeting_id"] == meeting["id"]
        assert api.put(f"{path}/present", {"present": True})["custom_participant_id"] == name


def test_a_client_token_is_good_for_four_hours_unless_said_otherwise(api: Api) -> None:
    meeting = api.meeting("ana")
    path = f"{people_path(meeting)}/ana/client-tokens"
    for body, seconds in [(None, 14400), ({}, 14400), ({"ttl_seconds": 60}, 60)]:
        answer = api.post(path, body, 201)
        claims = jwt.decode(answer["token"], options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == seconds
        assert abs(claims["iat"] - time.time()) < 60
        assert datetime.fromisoformat(answer["expires_at"]).timestamp() == claims["exp"]
    for wrong in (59, 86401, "60", True, 60.5):
        api.post(path, {"ttl_seconds": wrong}, 422)


def test_a_caller_without_webhooks_says_who_is_present(api: Api) -> None:
    meeting = api.meeting("ana", "bo")
    path = f"{people_path(meeting)}/ana/present"
    for _ in range(2):
        ana = api.put(path, {"present": True})
        assert (ana["present"], ana["location"], ana["room_id"]) == (True, "main", None)
        assert api.get(f"/v1/meetings/{meeting['id']}")["present_count"] == 1
    ana = api.put(path, {"present": False})
    assert (ana["present"], ana["location"]) == (False, "away")
    for body in ({}, {"present": "yes"}, {"present": 1}, {"present": None}):
        api.put(path, body, 422)
