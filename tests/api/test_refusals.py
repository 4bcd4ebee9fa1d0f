"""Refusals have a stable code each, say what may have been meant, and are decided in one order."""

import re
from pathlib import Path
from typing import Any

from orchestrator.api.error_page import page
from schemas.problems import MEANINGS, ProblemCode
from tests.api.server import JSON, UNKNOWN_ID, VIEWER, Api, bearer, checked

ROOT = Path(__file__).parents[2]
CSV = {"Content-Type": "text/csv"}


def test_the_page_of_errors_is_made_from_the_table() -> None:
    assert set(MEANINGS) == set(ProblemCode)
    assert (ROOT / "docs/errors.md").read_text() == page(), "make it anew: python -m orchestrator.api.error_page"


def test_every_code_is_used() -> None:
    source = "".join(path.read_text() for path in (ROOT / "orchestrator").rglob("*.py"))
    assert [code.name for code in ProblemCode if not re.search(rf"ProblemCode\.{code.name}\b", source)] == []


BREAKOUTS, ONE = "/v1/meetings/{meeting}/breakouts", "/v1/breakouts/{breakout}"
SMALL = {"rooms": [{"name": "A", "max_participants": 1}]}
REFUSED: list[tuple[str, Any, int, str]] = [
    ("GET /v1/meetings", {"headers": {"Authorization": ""}}, 401, "missing_credentials"),
    ("GET /v1/meetings", {"headers": bearer("wrong")}, 401, "invalid_key"),
    ("GET /v1/seat", {}, 401, "invalid_token"),
    ("POST /v1/meetings", {"headers": bearer(VIEWER)}, 403, "viewer_only"),
    ("GET /v1/meetings/{unknown}", {}, 404, "unknown_meeting"),
    ("GET /v1/breakouts/{unknown}", {}, 404, "unknown_breakout"),
    ("POST /v1/breakouts/{unknown}/start", {}, 404, "unknown_breakout"),
    (f"PATCH {ONE}/rooms/{{unknown}}", {"json": {"name": "A"}}, 404, "unknown_room"),
    (f"PUT {ONE}/participants/nobody/room", {"json": {"room_id": None}}, 404, "unknown_participant"),
    ("GET /v1/nothing", {}, 404, "not_found"),
    ("DELETE /v1/meetings", {}, 405, "method_not_allowed"),
    ("POST /v1/meetings", {"content": b"a,b", "headers": CSV}, 415, "unsupported_media_type"),
    ("POST /v1/meetings", {"content": b"{"}, 422, "not_json"),
    ("POST /v1/meetings", {"json": {"titel": "x", "title": "x"}}, 422, "unknown_field"),
    ("GET /v1/meetings?limt=3", {}, 422, "unknown_parameter"),
    ("GET /v1/meetings?limit=0", {}, 422, "malformed"),
    ("GET /v1/breakouts?state=opened", {}, 422, "malformed"),
    (f"POST {ONE}/start", {"json": {"now": True}}, 422, "malformed"),
    (f"POST {BREAKOUTS}", {"json": {"rooms": ["A", "A"]}}, 422, "malformed"),
    (f"POST {BREAKOUTS}", {"json": {"rooms": 1, "start": "2020-01-01T00:00:00Z"}}, 422, "time_past"),
    (f"POST {BREAKOUTS}", {"json": SMALL}, 422, "impossible_plan"),
    (f"POST {BREAKOUTS}", {"json": {"rooms": 1, "start": "now"}}, 409, "breakout_running"),
    (f"POST {ONE}/close", {}, 409, "wrong_state"),
]


def test_each_cause_has_its_code(api: Api) -> None:
    meeting = api.meeting("ana", "bo")
    draft = api.breakout(meeting)
    api.breakout(meeting, 202, start="now")
    ids = {"unknown": UNKNOWN_ID, "meeting": meeting["id"], "breakout": draft["id"]}
    for call, sent, status, code in REFUSED:
        method, path = call.format(**ids).split(" ")
        answer = checked(api.client.request(method, path, **sent), status)
        assert (answer["code"], status in MEANINGS[ProblemCode(code)].statuses) == (code, True), call


def test_a_409_names_the_breakout_in_the_way(api: Api) -> None:
    meeting = api.meeting("ana")
    draft, running = api.breakout(meeting), api.breakout(meeting, 202, start="now")
    answer = api.post(f"/v1/breakouts/{draft['id']}/start", expect=409)
    assert (answer["breakout_id"], answer["state"]) == (running["id"], "opening")
    assert answer["allowed"] == ["cancelled", "closed", "draft", "failed", "scheduled"]
    answer = api.post(f"/v1/breakouts/{draft['id']}/close", expect=409)
    assert (answer["state"], answer["allowed"]) == ("draft", ["open", "opening"])


MISSPELT: list[tuple[JSON, list[Any], str]] = [
    ({"rooms": 2, "duration_second": 60}, ["duration_second"], "duration_seconds"),
    ({"rooms": 2, "assignment": {"sed": 1}}, ["assignment", "sed"], "seed"),
    ({"rooms": [{"name": "A"}, {"name": "B", "participant": []}]}, ["rooms", 1, "participant"], "participants"),
]


def test_an_unknown_field_says_what_may_have_been_meant(api: Api) -> None:
    meeting = api.meeting()
    for body, loc, meant in MISSPELT:
        (error,) = api.post(f"/v1/meetings/{meeting['id']}/breakouts", body, 422)["errors"]
        assert error == {"loc": ["body", *loc], "msg": f"unknown field: did you mean {meant}?"}


def test_an_unknown_parameter_says_what_may_have_been_meant(api: Api) -> None:
    (error,) = api.get("/v1/breakouts?meeting=1&state=open", 422)["errors"]
    assert error == {"loc": ["query", "meeting"], "msg": "unknown parameter: did you mean meeting_id?"}
    assert api.get("/v1/meetings?colour=red", 422)["errors"][0]["msg"] == "unknown parameter"
    for path in ("/v1/meetings?title=a%00b", "/v1/breakouts?state=open&meeting_id=%00"):
        loc = ["query", path.rpartition("&")[2].rpartition("?")[2].partition("=")[0]]
        assert api.get(path, 422)["errors"] == [{"loc": loc, "msg": "must not contain control characters"}]


def test_refusals_are_decided_in_one_order(api: Api) -> None:
    path = f"/v1/meetings/{UNKNOWN_ID}/breakouts?wrong=1"
    assert api.stranger.post(path, content=b"{", headers=CSV).status_code == 401
    assert api.client.post(path, content=b"{", headers=CSV | bearer(VIEWER)).status_code == 403
    assert api.client.post(path, content=b"{", headers=CSV).status_code == 404
    there = path.replace(UNKNOWN_ID, api.meeting()["id"])
    assert api.client.post(there, content=b"{", headers=CSV).status_code == 415
    assert api.client.post(there, content=b"{").status_code == 422


def test_json_by_another_name_or_by_none_is_json(api: Api) -> None:
    for headers in ({"Content-Type": "application/merge-patch+json; charset=utf-8"}, {"Content-Type": ""}, {}):
        assert api.client.post("/v1/meetings", content=b'{"title": "x"}', headers=headers).status_code == 201
    draft = api.breakout(api.meeting())
    for body in (b"", b"{}"):
        assert api.client.post(f"/v1/breakouts/{draft['id']}/prepare", content=body).status_code == 202


def test_a_call_without_a_body_takes_none_whatever_its_method(api: Api) -> None:
    meeting = api.meeting("ana")
    path, key = f"/v1/meetings/{meeting['id']}", api.client.headers["Authorization"]
    seat = bearer(api.token(meeting, "ana"))["Authorization"]
    calls = [("GET", path, key), ("GET", "/v1/seat", seat), ("POST", "/v1/seat/help", seat), ("DELETE", path, key)]
    for method, url, token in calls:
        for body, code in [(b"[]", "malformed"), (b'{"a": 1}', "malformed"), (b"{", "not_json")]:
            answer = api.stranger.request(method, url, content=body, headers={"Authorization": token})
            assert (answer.status_code, answer.json()["code"]) == (422, code), (method, url, body)
        answer = api.stranger.request(method, url, content=b"{}", headers=CSV | {"Authorization": token})
        assert answer.status_code == 415
    assert api.client.request("GET", path, content=b"{}").status_code == 200
    assert api.client.request("DELETE", path, content=b"{}").status_code == 204


def test_lists_of_breakouts_are_filtered_and_go_both_ways(api: Api) -> None:
    first, second = api.meeting(title="Physics I"), api.meeting(title="Chemistry 100%")
    made = [api.breakout(meeting)["id"] for meeting in (first, second, first)]
    running = api.breakout(second, 202, start="now")["id"]
    assert _ids(api.get("/v1/breakouts")) == [*made, running]
    assert _ids(api.get("/v1/breakouts", order="desc")) == [running, *made[::-1]]
    assert _ids(api.get("/v1/breakouts", meeting_id=first["id"])) == [made[0], made[2]]
    assert _ids(api.get("/v1/breakouts", state="opening,open")) == [running]
    assert _ids(api.get("/v1/breakouts", meeting_id="nobody")) == []
    page = api.get("/v1/breakouts", order="desc", limit=3)
    assert _ids(api.get("/v1/breakouts", order="desc", cursor=page["next_cursor"])) == [made[0]]
    assert "rooms" not in page["items"][0]
    assert _ids(api.get("/v1/meetings", title="physics")) == [first["id"]]
    assert _ids(api.get("/v1/meetings", title="0%")) == [second["id"]]
    assert _ids(api.get("/v1/meetings", title="_")) == []


def test_a_log_is_read_backwards_too(api: Api) -> None:
    made = api.breakout(api.meeting("ana"))
    for number in range(4):
        checked(api.client.patch(f"/v1/breakouts/{made['id']}", json={"name": f"N{number}"}), 200)
    path, cursor = f"/v1/breakouts/{made['id']}/log", None
    seen: list[int] = []
    while cursor is not None or not seen:
        page = api.get(path, order="desc", limit=3, **({"cursor": cursor} if cursor else {}))
        seen += _ids(page)
        cursor = page["next_cursor"]
    assert seen == [4, 3, 2, 1]


def _ids(page: JSON) -> list[Any]:
    return [item["id"] for item in page["items"]]
