"""The host's console on the server's side: its pages, and what the cookie of a session is good for."""

from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from sqlalchemy import text

from orchestrator.api.console.headers import HEADERS
from orchestrator.api.sessions import COOKIE
from orchestrator.api.wrong_tries import WrongTries
from orchestrator.services.access import api_keys
from orchestrator.services.deps import Deps
from schemas.states import KeyRole
from tests.api.conftest import parts
from tests.api.server import OPERATOR, UNKNOWN_ID, VIEWER, Api, bearer, checked
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import wait_until

SESSION = "/console/session"
PAGES = ("/console", f"/console/meetings/{UNKNOWN_ID}", f"/console/breakouts/{UNKNOWN_ID}")


def signed_in(api: Api, key: str = OPERATOR) -> dict[str, str]:
    """Sign in, and return the header with the cookie."""
    answer = api.stranger.post(SESSION, json={"key": key})
    assert answer.status_code == 204, answer.text
    api.stranger.cookies.clear()
    return {"Cookie": f"{COOKIE}={SimpleCookie(answer.headers['set-cookie'])[COOKIE].value}"}


def origin(api: Api) -> dict[str, str]:
    """Return what a browser adds to a change that our own page makes."""
    return {"Origin": api.url}


def status(api: Api, headers: dict[str, str], method: str = "GET", path: str = "/v1/meetings") -> int:
    return api.stranger.request(method, path, headers=headers).status_code


@pytest.fixture
def public(sandbox: SandboxServer, sqlite_url: str, broker_url: str, tmp_path: Path) -> Iterator[Api]:
    """Run an API as it stands behind a proxy with TLS and a sub-path."""
    more = {"public_url": "https://rooms.example/live", "root_path": "/live/"}
    with (
        parts(sandbox, tmp_path, database_url=sqlite_url, broker_url=broker_url, **more) as built,
        Api(built) as running,
    ):
        yield running


def test_pages_and_refusals_have_the_headers(api: Api) -> None:
    for path in (*PAGES, "/console/static/0/nothing.js", "/console/nothing", SESSION):
        answer = api.stranger.get(path)
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, path
        assert answer.status_code == (200 if path in PAGES else 204 if path == SESSION else 404)
    assert "Content-Security-Policy" not in api.stranger.get("/healthz").headers


def test_all_that_a_page_names_is_there_for_ever(api: Api) -> None:
    page = api.stranger.get("/console")
    assert page.headers["content-type"].startswith("text/html")
    names = [word.split('"')[0] for word in page.text.split('"/console/static/')[1:]]
    assert names
    for name in names:
        answer = api.stranger.get(f"/console/static/{name}")
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


def test_a_session_counts_as_its_key_does(api: Api) -> None:
    operator, viewer = signed_in(api), signed_in(api, VIEWER)
    assert status(api, operator) == status(api, viewer) == 200
    assert status(api, operator | origin(api), "POST") == 422
    assert status(api, viewer | origin(api), "POST") == 403
    assert checked(api.stranger.get(SESSION, headers=viewer), 200)["role"] == "viewer"
    assert status(api, operator, path="/v1/seat") == 401
    assert status(api, operator | bearer("wrong")) == 401, "Authorization goes first"


def test_the_cookie_is_for_nobody_but_the_server(api: Api, public: Api) -> None:
    answer = api.stranger.post(SESSION, json={"key": OPERATOR})
    assert answer.content == b""
    plain = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
    assert (plain["httponly"], plain["samesite"].lower(), plain["path"], plain["secure"]) == (True, "strict", "/", "")
    assert int(plain["max-age"]) == 12 * 3600
    assert OPERATOR not in answer.headers["set-cookie"]
    secure = SimpleCookie(public.stranger.post(SESSION, json={"key": OPERATOR}).headers["set-cookie"])[COOKIE]
    assert (secure["secure"], secure["path"]) == (True, "/live")


def test_signing_out_ends_the_session_everywhere(api: Api, deps: Deps) -> None:
    cookie = signed_in(api)
    with Api(deps) as second:
        assert status(second, cookie) == 200
        answer = api.stranger.delete(SESSION, headers=cookie | origin(api))
        assert answer.status_code == 204
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert status(api, cookie) == status(second, cookie) == 401
    assert api.stranger.delete(SESSION).status_code == 204


def test_a_session_ends_with_its_key_and_after_twelve_hours(api: Api, deps: Deps) -> None:
    _, key = api_keys.create(deps.database, "host", KeyRole.OPERATOR)
    with_key, expiring = signed_in(api, key), signed_in(api)
    api_keys.revoke(deps.database, "host")
    wait_until(lambda: status(api, with_key) == 401, what="the end of the key")
    with deps.database.engine.begin() as connection:
        ids = connection.execute(text("SELECT id FROM console_session")).scalars().all()
        assert not any(id_ in value for id_ in ids for value in expiring.values()), "only the hash is stored"
        connection.execute(text("UPDATE console_session SET expires_at = '2020-01-01 00:00:00.000000'"))
    assert status(api, expiring) == 401
    signed_in(api)
    with deps.database.engine.begin() as connection:
        assert len(connection.execute(text("SELECT id FROM console_session")).all()) == 1, "expired ones are deleted"


def test_streams_end_with_their_session_and_no_others(api: Api) -> None:
    breakout = api.breakout(api.meeting("ana"), 202, start="now")
    path = f"/v1/breakouts/{breakout['id']}/events"
    leaving, staying = signed_in(api), signed_in(api)
    with (
        api.stranger.stream("GET", path, headers=leaving) as ending,
        api.stranger.stream("GET", path, headers=staying) as going_on,
    ):
        api.stranger.delete(SESSION, headers=leaving | origin(api))
        assert "no longer good" in list(ending.iter_lines())[-2]
        api.post(f"/v1/breakouts/{breakout['id']}/close", None, 202)
        next(line for line in going_on.iter_lines() if '"closing"' in line)


FOREIGN = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "not an origin"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
)


def test_other_pages_get_nothing_by_the_cookie(api: Api) -> None:
    cookie = signed_in(api)
    for foreign in FOREIGN:
        for method, path in (("GET", "/v1/meetings"), ("POST", "/v1/meetings"), ("DELETE", SESSION)):
            answer = api.stranger.request(method, path, headers=cookie | foreign)
            assert (answer.status_code, answer.json()["code"]) == (403, "cross_origin"), (foreign, method, path)
        assert status(api, {"Cookie": f"{COOKIE}=unknown"} | foreign) == 401
        assert status(api, cookie | foreign | bearer(OPERATOR)) == 200
    for method, path in (("POST", "/v1/meetings"), ("DELETE", SESSION)):
        answer = api.stranger.request(method, path, headers=cookie)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_origin")
    for own in ({}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, origin(api)):
        assert status(api, cookie | own) == 200, own
    assert status(api, cookie | {"Sec-Fetch-Site": "same-origin"}, "POST") == 422


def test_its_own_page_is_the_one_at_the_public_address(public: Api) -> None:
    cookie = signed_in(public)
    assert status(public, cookie | {"Origin": "https://rooms.example"}, "POST") == 422
    assert status(public, cookie | {"Origin": "https://rooms.example:443"}, "POST") == 422
    for other in (public.url, "http://rooms.example", "https://rooms.example:444"):
        assert status(public, cookie | {"Origin": other}, "POST") == 403


def test_a_sub_path_is_in_every_link_whether_or_not_the_proxy_leaves_it(public: Api) -> None:
    for path in ("/console", "/live/console"):
        page = public.stranger.get(path)
        assert '"/live/console/static/' in page.text
        assert '"/console' not in page.text
    docs = public.stranger.get("/live/docs")
    assert "/live/openapi.json" in docs.text
    assert public.stranger.get("/live/openapi.json").json()["servers"] == [{"url": "/live"}]
    assert status(public, {}, path="/live/v1/meetings") == 401, "no way around the gate"
    assert status(public, bearer(OPERATOR), path="/live/v1/meetings") == 200


def test_guessing_is_slowed_down_and_the_right_key_is_let_in(api: Api) -> None:
    answers = [api.stranger.post(SESSION, json={"key": f"guess {number}"}) for number in range(22)]
    assert [answer.status_code for answer in answers] == [401] * 20 + [429] * 2
    assert answers[0].json()["code"] == "invalid_key"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert signed_in(api)


def test_wrong_tries_are_forgotten_after_their_time() -> None:
    clock = [0.0]
    tries = WrongTries(2, 60, lambda: clock[0])
    assert [tries.add("a"), tries.add("a"), tries.add("b")] == [0, 0, 0]
    clock[0] = 10
    assert tries.add("a") == 50
    clock[0] = 60
    assert tries.add("a") == 0


def test_who_has_a_network_of_addresses_is_one() -> None:
    tries = WrongTries(2, 60)
    guessing = ["2001:db8:0:1::1", "2001:DB8:0:1:ffff::2", "2001:db8:0:1:0:0:0:3%eth0"]
    assert [tries.add(address) > 0 for address in guessing] == [False, False, True]
    alike = ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.1"]
    assert [tries.add(address) > 0 for address in alike] == [False, False, True]
    others = ["2001:db8:0:2::1", "192.0.2.2", "::ffff:192.0.2.3", "unknown", ""]
    assert not any(tries.add(address) for address in others)


@pytest.mark.parametrize(
    ("content", "kind", "expect"),
    [
        (b"{}", "application/json", 422),
        (b'{"key": 7}', "application/json", 422),
        (b'{"key": "\\ud800"}', "application/json", 422),
        (b'{"key": "x", "role": "operator"}', "application/json", 422),
        (b"key=x", "application/x-www-form-urlencoded", 415),
    ],
)
def test_a_sign_in_is_json_with_a_key(api: Api, content: bytes, kind: str, expect: int) -> None:
    checked(api.stranger.post(SESSION, content=content, headers={"Content-Type": kind}), expect)


def test_it_can_be_switched_off(sandbox: SandboxServer, sqlite_url: str, broker_url: str, tmp_path: Path) -> None:
    built = parts(sandbox, tmp_path, database_url=sqlite_url, broker_url=broker_url, console=False)
    with built as deps, Api(deps) as off:
        for path in (*PAGES, SESSION):
            checked(off.stranger.get(path), 404)
        checked(off.stranger.post(SESSION, json={"key": OPERATOR}), 404)
        assert off.stranger.get("/docs").status_code == 200


def test_docs_load_nothing_from_elsewhere_once_built(api: Api) -> None:
    docs = api.stranger.get("/docs").text
    if "vendor/swagger-ui" not in docs:
        pytest.skip("make web has not been run: /docs loads its files from elsewhere")
    assert "https://" not in docs
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        url = next(word for word in docs.replace("'", '"').split('"') if word.endswith(name))
        assert api.stranger.get(url).status_code == 200
