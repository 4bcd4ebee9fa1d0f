"""Who may call what: every route with every kind of caller, and what exists for hosts and tenants."""

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Route

from orchestrator.api.permissions import PERMISSIONS, Who
from orchestrator.services.access import api_keys
from schemas.states import KeyRole
from tests.api.server import JSON, OPERATOR, UNKNOWN_ID, VIEWER, Api, bearer, checked
from tests.support.waiting import wait_until

OF_OPERATORS = {Who.KEYS, Who.KEYS_NOT_HOSTS, Who.KEYS_AND_HOSTS}
TITLED: JSON = {"title": "A meeting"}
REACHED = 422
"""What an allowed request is answered here: each has a parameter that is not known, so that nothing is done."""


def routes(api: Api) -> list[tuple[str, str]]:
    """Return the method and path of every route of ours."""
    found = list(routes_in(api.app.routes))
    assert ("GET", "/v1/seat") in found
    return found


def routes_in(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str]]:
    for route in routes:
        if isinstance(route, Route | APIRoute):
            yield from ((method, route.path) for method in sorted((route.methods or set()) - {"HEAD"}))
        else:
            yield from routes_in(getattr(route, "original_router").routes)  # noqa: B009 - one that is included


def ids_of(meeting: JSON, breakout: JSON) -> dict[str, str]:
    room = breakout["rooms"][0]["id"]
    return {"meeting_id": meeting["id"], "breakout_id": breakout["id"], "room_id": room, "custom_participant_id": "ana"}


def is_as_expected(status: int, expect: int, path: str, ids: dict[str, str]) -> bool:
    """Compare; where a path has ids of things that are not there, who reaches it is told so."""
    has_unknown = any(name not in ids for name in re.findall(r"{(\w+)", path))
    return status == expect or (has_unknown and (status, expect) == (404, REACHED))


def filled(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"{(\w+)(:path)?}", lambda name: ids.get(name[1], UNKNOWN_ID), path) + "?wrong=1"


def key_of(api: Api, name: str, role: KeyRole = KeyRole.OPERATOR, tenant: str | None = None) -> str:
    return api_keys.create(api.deps.database, name, role, tenant=tenant)[1]


def expected(who: Who, method: str, path: str, caller: str) -> int:
    """Return the status for a caller, of a meeting without a tenant."""
    if who is Who.BROWSERS:
        return REACHED if caller in ("a seat token", "a host token", "another meeting's host token") else 401
    names_a_meeting = "{meeting_id}" in path or "{breakout_id}" in path
    for_viewers = REACHED if method == "GET" else 403
    statuses = {
        "an operator": REACHED,
        "a viewer": for_viewers,
        "a tenant's operator": 404 if names_a_meeting else REACHED,
        "a tenant's viewer": 404 if names_a_meeting and method == "GET" else for_viewers,
        "a host token": {Who.KEYS: 401, Who.KEYS_NOT_HOSTS: 403}.get(who, REACHED),
        "another meeting's host token": 404 if names_a_meeting else 401,
    }
    return statuses.get(caller, 401)


def test_every_route_has_an_entry(api: Api) -> None:
    assert [route for route in routes(api) if route not in PERMISSIONS] == []


def test_every_route_with_every_kind_of_caller(api: Api) -> None:
    meeting, other = api.meeting("bo", hosts=("ana",)), api.meeting("bo", hosts=("ana",))
    ids = ids_of(meeting, api.breakout(meeting))
    ended, revoked = api.token(meeting, "bo"), key_of(api, "revoked")
    api_keys.revoke(api.deps.database, "revoked")
    checked_delete(api, f"/v1/meetings/{meeting['id']}/participants/bo/client-tokens")
    person = api.get(f"/v1/meetings/{meeting['id']}/participants")["items"][0]["id"]
    callers = {
        "an operator": OPERATOR,
        "a viewer": VIEWER,
        "a tenant's operator": key_of(api, "t1", tenant="school"),
        "a tenant's viewer": key_of(api, "t2", KeyRole.VIEWER, "school"),
        "a host token": api.token(meeting, "ana", scope="host"),
        "another meeting's host token": api.token(other, "ana", scope="host"),
        "a seat token": api.token(meeting, "ana"),
        "a wrong key": "wrong",
        "an expired token": api.app.state.tokens.issue(person, meeting["id"], -timedelta(seconds=9))[0],
        "a token that was taken back": ended,
        "a revoked key": revoked,
        "nothing": "",
    }
    for method, path in routes(api):
        who = PERMISSIONS[method, path]
        for caller, credential in callers.items() if who in OF_OPERATORS | {Who.BROWSERS} else ():
            headers = bearer(credential) if credential else {}
            answer = api.stranger.request(method, filled(path, ids), headers=headers)
            expect = expected(who, method, path, caller)
            assert is_as_expected(answer.status_code, expect, path, ids), (method, path, caller, expect, answer.text)


def test_an_id_that_postgresql_can_not_store_is_one_that_is_not_there(postgres_api: Api) -> None:
    api = postgres_api
    meeting = api.meeting("ana", hosts=("hal",))
    ids = ids_of(meeting, api.breakout(meeting))
    callers = [OPERATOR, key_of(api, "t", tenant="school"), api.token(meeting, "hal", scope="host")]
    for method, path in (it for it in routes(api) if it[1].startswith("/v1/")):
        for name in set(re.findall(r"{(\w+)", path)) & {*ids, "endpoint_id", "delivery_id", "help_id"}:
            wrong = filled(path, ids | {name: "a%00b"})
            for caller in callers:
                for url in (wrong, wrong.partition("?")[0]):
                    answer = api.stranger.request(method, url, headers=bearer(caller), json={})
                    let_in = {404} if caller == OPERATOR else {401, 403, 404}
                    assert answer.status_code in let_in, (method, url, answer.text)


def test_whose_meeting_it_is_may_reach_everything_of_it(api: Api) -> None:
    headers = bearer(key_of(api, "school", tenant="school"))
    body = TITLED | {"participants": [{"custom_participant_id": "ana", "name": "Ana"}]}
    meeting = checked(api.stranger.post("/v1/meetings", json=body, headers=headers), 201)
    breakouts = f"/v1/meetings/{meeting['id']}/breakouts"
    breakout = checked(api.stranger.post(breakouts, json={"rooms": 1}, headers=headers), 201)
    ids = ids_of(meeting, breakout)
    for method, path in routes(api):
        if PERMISSIONS[method, path] in OF_OPERATORS:
            answer = api.stranger.request(method, filled(path, ids), headers=headers)
            assert is_as_expected(answer.status_code, REACHED, path, ids), (method, path, answer.text)


@pytest.fixture
def theirs(api: Api) -> dict[str, str]:
    return bearer(key_of(api, "school", tenant="school"))


def test_what_belongs_to_others_does_not_exist_for_a_tenant(api: Api, theirs: dict[str, str]) -> None:
    others = bearer(key_of(api, "other", tenant="other"))
    ours, foreign = api.meeting("ana"), checked(api.stranger.post("/v1/meetings", json=TITLED, headers=others), 201)
    mine = checked(api.stranger.post("/v1/meetings", json=TITLED, headers=theirs), 201)
    (earlier, _), made = [api.breakout(it) for it in (ours, foreign)], api.breakout(mine)

    def listed(path: str, headers: dict[str, str]) -> list[str]:
        return [item["id"] for item in checked(api.stranger.get(path, headers=headers), 200)["items"]]

    assert listed("/v1/meetings", theirs) == [mine["id"]]
    assert listed("/v1/meetings", bearer(OPERATOR)) == [ours["id"], foreign["id"], mine["id"]]
    assert listed("/v1/breakouts", theirs) == [made["id"]]
    assert listed(f"/v1/breakouts?meeting_id={ours['id']}", theirs) == []
    assert listed(f"/v1/breakouts?meeting_id={mine['id']}", theirs) == [made["id"]]
    path, body = f"/v1/meetings/{mine['id']}/breakouts", {"from_breakout": earlier["id"]}
    assert checked(api.stranger.post(path, json=body, headers=theirs), 422)["code"] == "unknown_breakout"
    checked(api.stranger.post(path, json=body, headers=bearer(OPERATOR)), 201)


def test_a_meeting_that_somebody_else_has_adopted_is_taken(api: Api, theirs: dict[str, str]) -> None:
    others = bearer(key_of(api, "other", tenant="other"))
    ours = api.meeting("ana", title="Ours")
    mine = checked(api.stranger.post("/v1/meetings", json=TITLED, headers=theirs), 201)

    def adopt(meeting: JSON, headers: dict[str, str], expect: int, **more: Any) -> JSON:
        body = {"realtimekit_meeting_id": meeting["realtimekit_meeting_id"], **more}
        return checked(api.stranger.post("/v1/meetings", json=body, headers=headers), expect)

    for meeting, headers in ((ours, theirs), (mine, others)):
        refused = adopt(meeting, headers, 409)
        assert (refused["code"], refused["state"], refused["allowed"]) == ("meeting_taken", "adopted", [])
    people = [{"custom_participant_id": "bo", "name": "Bo"}]
    for headers in (theirs, bearer(OPERATOR)):
        again = adopt(mine, headers, 201, title="Passed over", participants=people)
        assert (again["id"], again["title"], again["participant_count"]) == (mine["id"], "A meeting", 1)
    assert checked(api.stranger.get(f"/v1/meetings/{mine['id']}", headers=theirs), 200)["id"] == mine["id"]


def test_a_host_token_is_for_hosts_alone_and_ends_with_their_role(api: Api) -> None:
    meeting = api.meeting("bo", hosts=("ana",))
    people = f"/v1/meetings/{meeting['id']}/participants"
    refused = api.post(f"{people}/bo/client-tokens", {"scope": "host"}, 409)
    assert (refused["code"], refused["state"], refused["allowed"]) == ("not_a_host", "participant", ["host"])
    headers = bearer(api.token(meeting, "ana", scope="host"))
    checked(api.stranger.get(f"/v1/meetings/{meeting['id']}", headers=headers), 200)
    demoted = {"custom_participant_id": "ana", "name": "Ana", "role": "participant"}
    api.post(people, {"participants": [demoted]})
    checked(api.stranger.get(f"/v1/meetings/{meeting['id']}", headers=headers), 401)
    checked(api.stranger.get("/v1/meetings/nonsense", headers=headers), 401)
    assert checked(api.stranger.get("/v1/seat", headers=headers), 200)["location"] == "main"


def test_a_host_runs_breakouts_and_stands_in_their_log(api: Api) -> None:
    meeting, other = api.meeting("bo", "cy", hosts=("ana",)), api.meeting("dee")
    foreign = api.breakout(other)
    headers = bearer(api.token(meeting, "ana", scope="host"))
    breakouts = f"/v1/meetings/{meeting['id']}/breakouts"

    def call(method: str, path: str, expect: int, body: Any = None, **more: Any) -> JSON:
        answer = api.stranger.request(method, path, json=body, headers=headers, **more)
        return checked(answer, expect)

    draft = call("POST", breakouts, 201, {"rooms": 2})
    call("POST", f"/v1/meetings/{meeting['id']}/rounds", 201, {"rounds": 2, "rooms": 1})
    call("PATCH", f"/v1/breakouts/{draft['id']}", 200, {"name": "Mine"})
    (last, *_) = call("GET", f"/v1/breakouts/{draft['id']}/log?order=desc", 200)["items"]
    assert (last["type"], last["actor"]) == ("breakout.changed", "host:ana")
    for method, path, body in (
        ("POST", breakouts, {"rooms": 1, "room_presets": {"host": "x"}}),
        ("POST", breakouts, {"rooms": "nonsense", "room_presets": None}),
        ("PATCH", f"/v1/breakouts/{draft['id']}", {"room_presets": {}}),
        ("POST", f"/v1/meetings/{meeting['id']}/participants", {"participants": []}),
        ("POST", f"/v1/meetings/{meeting['id']}/participants/ana/client-tokens", {}),
    ):
        assert call(method, path, 403, body)["code"] == "hosts_may_not", path
    csv = b"room,custom_participant_id,name\nRed,bo,Bo\n"
    sheet = headers | {"Content-Type": "text/csv"}
    checked(api.stranger.post(f"{breakouts}/import?register=TRUE", headers=sheet, content=csv), 403)
    checked(api.stranger.post(f"{breakouts}/import?register=false", headers=sheet, content=csv), 201)
    assert call("POST", breakouts, 422, {"from_breakout": foreign["id"]})["code"] == "unknown_breakout"
    call("POST", breakouts, 201, {"from_breakout": draft["id"]})
    call("GET", f"/v1/breakouts/{foreign['id']}", 404)
    call("PATCH", f"/v1/meetings/{other['id']}", 404, {"title": "Mine"})


def test_tokens_that_are_taken_back_are_refused_at_once_and_later_ones_are_good(api: Api) -> None:
    meeting = api.meeting(hosts=("ana",))
    path = f"/v1/meetings/{meeting['id']}/participants/ana/client-tokens"
    version = api.get(f"/v1/meetings/{meeting['id']}")["version"]
    seat, host = api.token(meeting, "ana"), api.token(meeting, "ana", scope="host")
    breakout = api.breakout(meeting)
    with api.stream(seat) as stream, api.events(breakout, key=host) as log:
        assert stream.next().name == "seat"
        api.post(f"/v1/breakouts/{breakout['id']}/rooms", {"name": "More"}, 201)
        log.next()
        checked_delete(api, path)
        for token, asked in ((seat, "/v1/seat"), (host, "/v1/seat"), (host, f"/v1/breakouts/{breakout['id']}")):
            assert checked(api.stranger.get(asked, headers=bearer(token)), 401)["code"] == "invalid_token"
        list(stream)
        assert stream.comments[-1] == "the client token was taken back"
        list(log)
    assert api.get(f"/v1/meetings/{meeting['id']}")["version"] == version + 0
    checked(api.stranger.get("/v1/seat", headers=bearer(api.token(meeting, "ana"))), 200)
    assert api.client.delete(path.replace("ana", "nobody")).status_code == 404


def test_an_answer_whose_token_was_taken_back_is_not_given_again(api: Api) -> None:
    meeting = api.meeting("ana")
    path = f"/v1/meetings/{meeting['id']}/participants/ana/client-tokens"

    def mint() -> str:
        answer = api.client.post(path, json={"ttl_seconds": 60}, headers={"Idempotency-Key": "once"})
        return str(checked(answer, 201)["token"])

    first = mint()
    assert mint() == first
    checked_delete(api, path)
    second = mint()
    assert second != first
    assert mint() == second
    checked(api.stranger.get("/v1/seat", headers=bearer(second)), 200)


def test_hosts_repeat_for_themselves(api: Api) -> None:
    meeting = api.meeting(hosts=("ana", "bo"))
    path, key = f"/v1/meetings/{meeting['id']}/breakouts", {"Idempotency-Key": "once"}
    callers = (OPERATOR, *(api.token(meeting, name, scope="host") for name in ("ana", "bo", "ana")))
    answers = [api.stranger.post(path, json={"rooms": 1}, headers=key | bearer(caller)) for caller in callers]
    made = [checked(answer, 201)["id"] for answer in answers]
    assert made[1] == made[3]
    assert len(set(made)) == 3


def test_a_key_that_expires_is_refused_then_and_its_use_is_noted(api: Api) -> None:
    database, breakout = api.deps.database, api.breakout(api.meeting("ana"), 202, start="now")
    with database.transaction() as tx:
        soon = tx.now() + timedelta(seconds=4)
    row, key = api_keys.create(database, "short", KeyRole.VIEWER, expires_at=soon)
    with api.events(breakout, key=key) as stream:
        stream.next()
        list(stream)
    assert api.stranger.get("/v1/meetings", headers=bearer(key)).status_code == 401

    def used() -> bool:
        return any(it.id == row.id and it.last_used_at is not None for it in api_keys.index(database))

    wait_until(used, what="the note of its use")


def checked_delete(api: Api, path: str) -> None:
    assert api.client.delete(path).status_code == 204
