"""`ETag` and `If-Match`: two operators at once do not overwrite what they have not seen."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.errors import StaleVersion
from orchestrator.services.breakout import changes
from orchestrator.services.breakout.locked import locked
from orchestrator.store.versions import Expected
from schemas.requests import BreakoutChange
from schemas.tables import Breakout, Meeting
from tests.api.conftest import parts
from tests.api.described import operations
from tests.api.server import JSON, UNKNOWN_ID, VIEWER, Api, bearer, checked
from tests.support.sandbox_server import SandboxServer

BODIES: dict[str, JSON] = {
    "PATCH /v1/meetings/{meeting_id}": {"title": "Chemistry"},
    "POST /v1/meetings/{meeting_id}/participants": {"participants": [{"custom_participant_id": "zoe", "name": "Zoe"}]},
    "PUT /v1/meetings/{meeting_id}/participants/{custom_participant_id}/present": {"present": True},
    "POST /v1/meetings/{meeting_id}/breakouts": {"rooms": 2},
    "POST /v1/meetings/{meeting_id}/rounds": {"rooms": 2, "rounds": 2},
    "PATCH /v1/breakouts/{breakout_id}": {"name": "Second try"},
    "POST /v1/breakouts/{breakout_id}/rooms": {"name": "C"},
    "PATCH /v1/breakouts/{breakout_id}/rooms/{room_id}": {"name": "D"},
    "PUT /v1/breakouts/{breakout_id}/participants/{custom_participant_id}/room": {"room_id": None},
    "POST /v1/breakouts/{breakout_id}/rebalance": {"min_room_size": 2},
    "POST /v1/breakouts/{breakout_id}/rooms/{room_id}/recording": {"action": "start"},
    "POST /v1/breakouts/{breakout_id}/poll": {"question": "Ready?", "options": ["yes", "no"]},
    "POST /v1/breakouts/{breakout_id}/broadcast": {"text": "Five more minutes"},
}
"""What each change needs; the others take nothing, or all of it may be left out."""
NOT_OF_DRAFTS = ("/close", "/retry", "/rebalance", "/recording", "/poll", "/broadcast")
"""The ends of paths whose change no draft takes."""


def match(*versions: Any) -> dict[str, str]:
    """Return the header for these versions."""
    return {"If-Match": ", ".join(f'"{version}"' for version in versions)}


def version_in(answer: httpx.Response) -> int:
    """Return the version that an answer's `ETag` shows."""
    assert answer.is_success, answer.text
    return int(answer.headers["etag"].strip('"'))


def changing(path: str, name: str) -> bool:
    """Return whether it changes something of a breakout or a meeting in its path. Nobody asks for help in a draft."""
    has_version = "{breakout_id}" in path or "{meeting_id}" in path
    return has_version and name != "GET" and "{help_id}" not in path


CHANGES = [one for one in operations() if changing(one.path, one.method)]


def sent(one: Any) -> dict[str, Any]:
    """Return the body of a change."""
    if one.path.endswith("/import"):
        return {"content": b"room,custom_participant_id\nA,ana\n", "headers": {"Content-Type": "text/csv"}}
    body = BODIES.get(f"{one.method} {one.path}")
    return {"json": body, "headers": {}} if body is not None else {"headers": {}}


def state(api: Api, meeting: JSON, draft: JSON) -> list[Any]:
    lists = [f"/v1/meetings/{meeting['id']}/{what}" for what in ("participants", "breakouts")]
    things = [f"/v1/meetings/{meeting['id']}", f"/v1/breakouts/{draft['id']}", *lists]
    return [api.get(path) for path in things]


def test_every_change_is_refused_that_rests_on_a_stale_version(api: Api) -> None:
    meeting = api.meeting("ana", "bo")
    draft = api.breakout(meeting, rooms=["A", "B"])
    ids = {"meeting_id": meeting["id"], "breakout_id": draft["id"], "custom_participant_id": "ana"}
    ids["room_id"] = draft["rooms"][0]["id"]
    before = state(api, meeting, draft)
    assert len(CHANGES) >= 15
    for one in CHANGES:
        for header in match(7), {"If-Match": 'W/"0"'}, {"If-Match": '"new"'}:
            given = sent(one)
            given["headers"] |= header
            answer = checked(api.client.request(one.method, one.path.format(**ids), **given), 412)
            assert (answer["code"], answer["version"], answer["fields"]) == ("stale_version", 1, []), one
        assert "412" in one.spec["responses"]
    assert state(api, meeting, draft) == before


def test_every_change_is_made_that_rests_on_the_present_version(api: Api) -> None:
    for one in CHANGES:
        if one.path.endswith(NOT_OF_DRAFTS):
            continue
        meeting = api.meeting("ana", "bo")
        draft = api.breakout(meeting, rooms=["A", "B"])
        ids = {"meeting_id": meeting["id"], "breakout_id": draft["id"], "custom_participant_id": "ana"}
        ids["room_id"] = draft["rooms"][0]["id"]
        given = sent(one)
        given["headers"] |= match(1)
        answer = api.client.request(one.method, one.path.format(**ids), **given)
        assert answer.is_success, (one, answer.text)
        given["headers"]["If-Match"] = "*"
        assert api.client.request(one.method, one.path.format(**ids), **given).status_code != 412


def test_answers_show_the_version_they_were_read_at(api: Api) -> None:
    made = api.client.post("/v1/meetings", json={"title": "Physics"})
    meeting = f"/v1/meetings/{made.json()['id']}"
    assert version_in(made) == version_in(api.client.get(meeting)) == version_in(api.client.head(meeting)) == 1
    assert version_in(api.client.patch(meeting, json={"title": "Chemistry"})) == 2
    draft = api.client.post(f"{meeting}/breakouts", json={"rooms": 2})
    path = f"/v1/breakouts/{draft.json()['id']}"
    room = api.client.post(f"{path}/rooms", json={"name": "C"}, headers={"Idempotency-Key": "k"})
    assert (version_in(draft), version_in(room)) == (1, 2)
    assert "breakout_version" not in room.json()
    renamed = api.client.patch(f"{path}/rooms/{room.json()['id']}", json={"name": "D"})
    assert version_in(renamed) == version_in(api.client.get(path)) == api.get(path)["version"] == 3
    again = api.client.post(f"{path}/rooms", json={"name": "C"}, headers={"Idempotency-Key": "k"})
    assert version_in(again) == 2, "the first answer again"
    started = api.client.post(f"{path}/start")
    assert version_in(started) == version_in(api.client.post(f"{path}/start")) == 4
    assert version_in(api.client.post(f"{path}/close")) == 5
    shown = api.client.get(path, headers={"If-None-Match": '"5"', "Origin": "https://meet.example"})
    assert shown.status_code == 200
    assert "ETag" in shown.headers["access-control-expose-headers"]


MADE = {"rooms": 2, "assignment": {"seed": 1}}
SEEN: list[tuple[JSON, str, str, JSON | None]] = [
    (MADE, "PATCH", "", {"room_size": 2}),
    (MADE, "PATCH", "", {"assignment": {"mode": "manual"}}),
    (MADE, "PATCH", "", {"record": True, "recording": {"max_seconds": 600}}),
    (MADE, "POST", "/shuffle", {"seed": 2}),
    (MADE, "PUT", "/participants/ana/room", {"room_id": "{other}"}),
    (MADE, "PUT", "/participants/ana/room", {"room_id": None}),
    (MADE, "POST", "/rooms", {"name": "C"}),
    (MADE, "DELETE", "/rooms/{room}", None),
    (MADE, "POST", "/start", None),
    (MADE, "POST", "/cancel", None),
    (MADE | {"start": "now"}, "PUT", "/participants/ana/room", {"room_id": "{other}"}),
    (MADE | {"start": "now"}, "DELETE", "/rooms/{room}", None),
    (MADE | {"start": "now"}, "POST", "/rooms", {"name": "C"}),
    (MADE | {"start": "now", "duration_seconds": 600}, "POST", "/close", {"countdown_seconds": 60}),
]
"""What is made, and a change of it. `{room}` is Ana's, and `{other}` another one."""
BY_ITSELF = {"version", "state", "progress", "problems"}
"""Fields that change by themselves as well; `state` does where a start or a close goes on."""


@pytest.mark.parametrize(("made", "method", "path", "body"), SEEN, ids=str)
def test_every_field_that_a_change_changes_is_told(
    api: Api, made: JSON, method: str, path: str, body: JSON | None
) -> None:
    draft = api.breakout(api.meeting("ana", "bo", "cy", "di"), 202 if "start" in made else 201, **made)
    whole = f"/v1/breakouts/{draft['id']}"
    before = api.get(whole)
    [mine] = [
        it["id"] for it in before["rooms"] if any(p["custom_participant_id"] == "ana" for p in it["participants"])
    ]
    other = next(it["id"] for it in before["rooms"] if it["id"] != mine)
    sent = {name: other if value == "{other}" else value for name, value in body.items()} if body else None
    assert api.client.request(method, whole + path.format(room=mine), json=sent).is_success
    after = api.get(whole)
    changed = {name for name, value in after.items() if value != before[name]} - BY_ITSELF
    stale = checked(api.client.patch(whole, json={"name": "M"}, headers=match(before["version"])), 412)
    assert changed <= set(stale["fields"]), changed - set(stale["fields"])
    assert changed or path == "/start"


def test_a_stale_version_is_told_what_has_changed_since(api: Api) -> None:
    meeting = api.meeting("ana", "bo")
    draft = api.breakout(meeting)
    path = f"/v1/breakouts/{draft['id']}"
    checked(api.client.patch(path, json={"name": "N", "duration_seconds": 600}), 200)
    api.put(f"{path}/participants/ana/room", {"room_id": None})
    stale = checked(api.client.patch(path, json={"name": "M"}, headers=match(1)), 412)
    assert (stale["version"], stale["fields"]) == (3, ["duration_seconds", "name", "plan", "rooms", "unassigned"])
    stale = checked(api.client.patch(path, json={"name": "M"}, headers=match(1, 2)), 412)
    assert stale["fields"] == ["plan", "rooms", "unassigned"]
    of_meeting = f"/v1/meetings/{meeting['id']}"
    checked(api.client.patch(of_meeting, json={"room_presets": {"host": "webinar_presenter"}}), 200)
    ana = {"custom_participant_id": "ana", "name": "Ana"}
    for people in [ana], [ana | {"name": "Anna"}], [ana | {"name": "Anna"}]:
        api.post(f"{of_meeting}/participants", {"participants": people})
    api.put(f"{of_meeting}/participants/ana/present", {"present": True})
    api.token(meeting, "ana")
    stale = checked(api.client.patch(of_meeting, json={"title": "T"}, headers=match(1)), 412)
    assert (stale["version"], stale["fields"]) == (3, ["participants", "room_presets"])


def test_refusals_go_before_or_after_a_stale_version_in_one_order(api: Api) -> None:
    meeting = api.meeting("ana")
    draft = api.breakout(meeting)
    path, stale = f"/v1/breakouts/{draft['id']}", match(9)
    assert api.stranger.patch(path, json={"name": "N"}, headers=stale).status_code == 401
    assert api.client.patch(path, json={"name": "N"}, headers=stale | bearer(VIEWER)).status_code == 403
    assert api.client.patch(f"{path}/rooms/{UNKNOWN_ID}", json={"name": "N"}, headers=stale).status_code == 404
    move = f"{path}/participants/nobody/room"
    assert api.client.put(move, json={"room_id": None}, headers=stale).status_code == 404
    csv = stale | {"Content-Type": "text/csv"}
    assert api.client.patch(path, content=b"{", headers=csv).status_code == 415
    assert api.client.patch(path, json={"nam": "N"}, headers=stale).status_code == 422
    impossible: list[tuple[str, str, Any]] = [
        ("POST", f"{path}/close", None),
        ("POST", f"{path}/rooms/{draft['rooms'][0]['id']}/retry", None),
        ("POST", f"{path}/rooms", {"name": draft["rooms"][0]["name"]}),
        ("PATCH", path, {"room_presets": {"host": "no_such_preset"}}),
        ("POST", f"/v1/meetings/{meeting['id']}/breakouts", {"rooms": 1, "room_presets": {"host": "no_such_preset"}}),
        ("PATCH", f"/v1/meetings/{meeting['id']}", {"ends_at": "2020-01-01T00:00:00Z"}),
    ]
    for method, where, body in impossible:
        assert api.client.request(method, where, json=body, headers=stale).status_code == 412, where
        assert api.client.request(method, where, json=body, headers=match(1)).status_code in (409, 422), where


@pytest.mark.parametrize("header", ["1", 'w/"1"', '"1', '"1" "2"', "*, *"])
def test_an_if_match_that_is_none_is_malformed(api: Api, header: str) -> None:
    draft = api.breakout(api.meeting())
    path = f"/v1/breakouts/{draft['id']}"
    answer = checked(api.client.patch(path, json={"name": "N"}, headers={"If-Match": header}), 422)
    assert answer["errors"][0]["loc"] == ["header", "If-Match"]
    unknown = path.replace(draft["id"], UNKNOWN_ID)
    assert api.client.patch(unknown, json={"name": "N"}, headers={"If-Match": header}).status_code == 404
    for either in ({"If-Match": f'"7", W/"{draft["version"]}"'}, {"If-Match": "*"}):
        assert api.client.patch(path, json={"name": "Draft"}, headers=either).status_code == 200


def test_paths_without_an_owner_and_reads_pass_it_over(api: Api) -> None:
    assert api.client.post("/v1/meetings", json={"title": "x"}, headers={"If-Match": "nonsense"}).status_code == 201
    meeting = api.meeting()
    assert api.client.get(f"/v1/meetings/{meeting['id']}", headers=match(9)).status_code == 200


def test_a_repeated_key_is_answered_before_the_version_is_looked_at(api: Api) -> None:
    draft = api.breakout(api.meeting())
    path, headers = f"/v1/breakouts/{draft['id']}/rooms", match(1) | {"Idempotency-Key": "k"}
    first, again = (api.client.post(path, json={"name": "C"}, headers=headers) for _ in range(2))
    assert (first.status_code, again.content) == (201, first.content)
    assert api.client.post(path, json={"name": "D"}, headers=headers).status_code == 422
    other = headers | {"Idempotency-Key": "k2"}
    assert checked(api.client.post(path, json={"name": "D"}, headers=other), 412)["fields"] == ["rooms"]
    assert api.client.post(path, json={"name": "D"}, headers=other | match(2)).status_code == 201, "errors are not kept"


def test_of_many_at_the_same_time_one_is_made(
    sandbox: SandboxServer, database_url: str, broker_url: str, tmp_path: Path
) -> None:
    with parts(sandbox, tmp_path, database_url=database_url, broker_url=broker_url) as deps, Api(deps) as api:
        meeting = api.meeting("ana")
        draft = api.breakout(meeting, rooms=["A"])
        of_meeting, path = f"/v1/meetings/{meeting['id']}", f"/v1/breakouts/{draft['id']}"

        def register(number: int) -> httpx.Response:
            people = {"participants": [{"custom_participant_id": f"p{number}", "name": "P"}]}
            return api.client.post(f"{of_meeting}/participants", json=people, headers=match(1))

        def add_room(number: int) -> httpx.Response:
            keyed = {"Idempotency-Key": str(number)} if number % 2 else {}
            return api.client.post(f"{path}/rooms", json={"name": f"R{number}"}, headers=match(1) | keyed)

        for change in (register, add_room):
            with ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(change, range(8)))
            assert sorted(answer.status_code for answer in answers)[1:] == [412] * 7, change
        assert (len(api.get(path)["rooms"]), api.get(of_meeting)["participant_count"]) == (2, 2)


def test_it_is_compared_under_the_lock(api: Api) -> None:
    """Whoever has looked in time and waits for the lock meanwhile is refused all the same."""
    draft = api.breakout(api.meeting())
    expected = Expected(Breakout, draft["id"], frozenset({"1"}))
    database = api.deps.database.expecting(expected)
    with api.deps.database.reading() as session:
        expected.look(session)
    changes.change(api.deps, draft["id"], BreakoutChange(name="First"))
    with database.transaction() as tx, pytest.raises(StaleVersion):
        tx.require_version(tx.session.get_one(Breakout, draft["id"]))
    with locked(api.deps, draft["id"]) as b:
        assert b.row.name == "First"
    assert not Expected(Meeting, draft["id"], frozenset()).is_about(b.row)
