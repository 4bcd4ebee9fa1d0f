"""CSV in and out: what teachers have becomes a plan, and a plan comes back as it was."""

from typing import Any

import httpx
import pytest

from tests.api.server import UNKNOWN_ID, VIEWER, Api, bearer, checked

JSON = dict[str, Any]
CSV = {"Content-Type": "text/csv; charset=utf-8"}


def send(
    api: Api, meeting: JSON, text: str | bytes, expect: int = 201, headers: JSON | None = None, **query: Any
) -> JSON:
    response = post(api, meeting["id"], text, headers or {}, **query)
    return checked(response, expect)


def post(api: Api, meeting_id: str, text: str | bytes, headers: JSON, **query: Any) -> httpx.Response:
    path = f"/v1/meetings/{meeting_id}/breakouts/import"
    return api.client.post(path, content=text, headers=CSV | headers, params=query)


def seated(breakout: JSON) -> list[tuple[str, list[str]]]:
    return [(room["name"], [it["custom_participant_id"] for it in room["participants"]]) for room in breakout["rooms"]]


def export(api: Api, breakout: JSON, **query: Any) -> httpx.Response:
    response = api.client.get(f"/v1/breakouts/{breakout['id']}/assignment", params=query)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    return response


def test_a_file_becomes_a_manual_draft_and_says_which_rows_it_could_not_use(api: Api) -> None:
    meeting = api.meeting("ana@x.org", "bo@x.org", "cy@x.org", hosts=("boss",))
    text = (
        "\ufeffPre-assign Room Name;Email Address;Remark\r\n"
        "Blue;ANA@X.ORG;\u2026\r\n"
        '"Green; left";bo@x.org;\r\n'
        ";cy@x.org;\r\n"
        "\r\n"
        "Red;;\r\n"
        "Red;ask the office;\r\n"
    )
    made = send(api, meeting, text, name="Monday")
    skipped = [{"line": 7, "why": "ask the office is no e-mail address, and nobody of this meeting"}]
    assert (made["rows"], made["used"], made["skipped"]) == (5, 4, skipped)
    draft = made["breakout"]
    assert seated(draft) == [("Blue", ["ana@x.org"]), ("Green; left", ["bo@x.org"]), ("Red", [])]
    assert (draft["name"], draft["state"], draft["assignment"]["mode"]) == ("Monday", "draft", "manual")
    assert (draft["unassigned"], draft["rooms"][0]["participants"][0]["pinned"]) == (["cy@x.org"], True)
    assert api.get(f"/v1/breakouts/{draft['id']}") == draft


@pytest.mark.parametrize("query", [{}, {"dry_run": "true"}])
def test_who_is_registered_while_a_breakout_runs_is_a_latecomer_there(api: Api, query: JSON) -> None:
    meeting = api.meeting("ana")
    running = api.breakout(meeting, 202, start="now", rooms=1)
    send(
        api, meeting, "room,custom_participant_id\nBlue,new\nRed,ana\n", 200 if query else 201, register="true", **query
    )
    assert [len(people) for _, people in seated(api.get(f"/v1/breakouts/{running['id']}"))] == [1 if query else 2]


def test_who_is_unknown_is_registered_if_wanted_and_who_is_known_keeps_their_name(api: Api) -> None:
    meeting = api.meeting("ana@x.org")
    text = "room,email,name\nBlue,ana@x.org,Anna\nBlue,new@x.org,New\nBlue,newer@x.org,\n"
    assert send(api, meeting, text)["used"] == 1
    assert send(api, meeting, text, register="true")["used"] == 3
    people = api.get(f"/v1/meetings/{meeting['id']}/participants")["items"]
    names = {person["custom_participant_id"]: person["name"] for person in people}
    assert names == {"ana@x.org": "Ana@X.Org", "new@x.org": "New", "newer@x.org": "newer@x.org"}


def test_a_dry_run_writes_nothing(api: Api) -> None:
    meeting = api.meeting("ana")
    before = api.get(f"/v1/meetings/{meeting['id']}")
    text = "room,custom_participant_id\nBlue,ana\nBlue,new\n"
    tried = send(api, meeting, text, 200, {"Idempotency-Key": "k"}, register="true", dry_run="true")
    assert (tried["used"], seated(tried["breakout"])) == (2, [("Blue", ["ana", "new"])])
    api.get(f"/v1/breakouts/{tried['breakout']['id']}", 404)
    assert api.get(f"/v1/meetings/{meeting['id']}") == before
    assert api.get(f"/v1/meetings/{meeting['id']}/breakouts")["items"] == []
    send(api, meeting, text, 201, {"Idempotency-Key": "k"}, register="true")


def test_a_repeated_import_makes_one_draft(api: Api) -> None:
    meeting = api.meeting("ana")
    key = {"Idempotency-Key": "monday"}
    text = "room,custom_participant_id\nBlue,ana\n"
    first = send(api, meeting, text, 201, key)
    assert send(api, meeting, text, 201, key) == first
    assert "another body" in send(api, meeting, text + "Red,\n", 422, key)["detail"]
    assert len(api.get(f"/v1/meetings/{meeting['id']}/breakouts")["items"]) == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("room,email\nBlue,J\u00fcrgen@x.org\n".encode("latin-1"), "must be UTF-8"),
        (b"", "the file is empty"),
        (b"group;who\nBlue;ana\n", "the first row must name columns"),
        (b"room,email\nBlue,who@x.org\n", "line 2: who@x.org is nobody of this meeting"),
        (b"room,custom_participant_id\n,ana\n", "no row that can be used names a room"),
        (b"room\n" + b"".join(b"Room %d\n" % number for number in range(501)), "501 rooms"),
    ],
)
def test_a_file_of_no_use_is_422_saying_why(api: Api, content: bytes, why: str) -> None:
    meeting = api.meeting("ana")
    assert why in send(api, meeting, content, 422)["detail"]
    assert api.get(f"/v1/meetings/{meeting['id']}/breakouts")["items"] == []


def test_only_csv_is_taken_by_those_who_may_and_for_meetings_that_are(api: Api) -> None:
    meeting = api.meeting("ana")
    for media_type in ("application/json", "text/plain", ""):
        assert "text/csv" in send(api, meeting, "room\nBlue\n", 415, {"Content-Type": media_type})["detail"]
    assert post(api, UNKNOWN_ID, "", {"Content-Type": "text/plain"}).status_code == 404
    assert post(api, meeting["id"], "room\nBlue\n", bearer(VIEWER)).status_code == 403


def test_what_is_exported_makes_the_same_plan_when_it_is_imported(api: Api) -> None:
    flag = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"  # ends in what shows nothing
    odd = ["=SUM(A1)", "+41", "-", "@you", "'", "'=x", 'a "quote", b', "\u00c4nne;\u65e5\u672c", flag]
    meeting = api.meeting(*odd, "in-main", hosts=("boss",))
    rooms: list[JSON] = [{"name": f"\u2003{name} room \u200b", "participants": [name]} for name in odd]
    plan = api.breakout(meeting, rooms=[*rooms, {"name": "empty"}], assignment={"mode": "manual"})
    exported = export(api, plan).content
    assert exported.startswith(b"room,custom_participant_id,name\r\n'=SUM(A1) room,'=SUM(A1),")
    assert export(api, plan, bom=1).content == b"\xef\xbb\xbf" + exported
    made = send(api, meeting, exported)
    assert (made["rows"], made["used"], made["skipped"]) == (12, 12, [])
    assert seated(made["breakout"]) == seated(plan)
    assert export(api, made["breakout"]).content == exported


@pytest.mark.parametrize("name", ["\u200b", " \u2003", "Red\u2028Blue", "Red\x1f"])
def test_a_name_that_no_table_could_show_is_refused(api: Api, name: str) -> None:
    meeting = api.meeting("ana")
    api.breakout(meeting, 422, rooms=[name, "Blue"])
    api.breakout(meeting, 422, rooms=["Red", "Red\u200b"])
    unseen = [{"custom_participant_id": f"\u200b{it}", "name": "Ana"} for it in ("ana", "", " ")]
    for person in unseen:
        api.post(f"/v1/meetings/{meeting['id']}/participants", {"participants": [person]}, 422)


def test_more_people_than_a_room_takes_are_422_and_nobody_is_registered(api: Api) -> None:
    meeting = api.meeting("ana")
    rows = "".join(f"Blue,q{number}\n" for number in range(5001))
    queries: list[JSON] = [{}, {"dry_run": "true"}]
    for query in queries:
        refused = send(api, meeting, f"room,custom_participant_id\n{rows}", 422, register="true", **query)
        assert refused["detail"] == "the file names 5001 people for Blue; a room takes at most 5000"
    assert api.get(f"/v1/meetings/{meeting['id']}")["participant_count"] == 1


def test_an_unknown_breakout_has_no_assignment(api: Api) -> None:
    api.get(f"/v1/breakouts/{UNKNOWN_ID}/assignment", 404)
