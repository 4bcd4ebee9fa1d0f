"""Authentication and roles, on every path and before the body is read."""

import time
from datetime import timedelta

import jwt
import pytest

from orchestrator.api.api_keys import bootstrap_keys
from orchestrator.api.openapi.credentials import API_KEY, CLIENT_TOKEN
from orchestrator.api.tokens import ClientTokens
from orchestrator.services.access import api_keys
from orchestrator.services.access.api_keys import Credential, key_hash
from orchestrator.store.secrets import subkey
from schemas.states import KeyRole
from tests.api.described import Operation, operations
from tests.api.server import OPERATOR, UNKNOWN_ID, VIEWER, Api, bearer, checked
from tests.support.waiting import wait_until

OPERATORS = [it for it in operations() if it.takes == API_KEY]
BROWSERS = [it for it in operations() if it.takes == CLIENT_TOKEN]
PUBLIC_PATHS = {"/healthz", "/readyz", "/metrics", "/v1/webhooks/realtimekit"}
"""Paths without credentials; a path that is added here needs none."""
NOWHERE = [("GET", "/v1/no/such/path"), ("GET", "/v1"), ("GET", "/v1/seats"), ("POST", "/v1/no/such/path")]
SEAT_NOWHERE = [("GET", "/v1/seat/nothing"), ("POST", "/v1/seat/nothing")]
BODIES = [b"", b"{}", b"not json", b"\xff\xfe"]


def requests_of(kinds: list[Operation], more: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the method and path of every operation, with an id for every parameter."""
    return [(it.method, it.filled(UNKNOWN_ID)) for it in kinds] + more


def good_claims(**changed: object) -> dict[str, object]:
    now = int(time.time())
    of_whom = {"sub": UNKNOWN_ID, "meeting": UNKNOWN_ID, "number": 0, "scope": "seat"}
    claims = of_whom | {"aud": "breakouts", "iat": now, "exp": now + 60} | changed
    return {key: value for key, value in claims.items() if value is not None}


def token(signer: str = "today", algorithm: str = "HS256", **changed: object) -> str:
    key = "" if algorithm == "none" else subkey(signer, "client tokens")
    return jwt.encode(good_claims(**changed), key, algorithm)


def invalid_tokens() -> dict[str, str]:
    """Return invalid client tokens."""
    return {
        "of another secret": token("last year"),
        "without a signature": token(algorithm="none"),
        "expired": token(exp=int(time.time()) - 1),
        "for something else": token(aud="something else"),
        "for ever": token(exp=None),
        "for nobody": token(sub=None),
        "for no meeting": token(meeting=None),
        "without a number": token(number=None),
        "for an unknown scope": token(scope="everything"),
        "of nobody here": token(),
        "no token": "eyJhbGciOiJub25lIn0.e30.",
    }


def refused_headers(api: Api) -> dict[str, dict[str, str]]:
    """Return headers that are refused everywhere."""
    _, revoked = api_keys.create(api.deps.database, "gone", KeyRole.OPERATOR)
    api_keys.revoke(api.deps.database, "gone")
    keys = {"a stranger's": "wrong", "a revoked": revoked, **invalid_tokens()}
    return {
        "nothing": {},
        "no scheme": {"Authorization": OPERATOR},
        "another scheme": {"Authorization": f"Basic {OPERATOR}"},
        "nothing behind the scheme": {"Authorization": "Bearer"},
        **{words: bearer(key) for words, key in keys.items()},
    }


def refused(api: Api, asked: tuple[str, str], headers: dict[str, str], status: int, *, body: bytes = b"{") -> None:
    answer = api.stranger.request(*asked, content=body, headers=headers)
    assert answer.status_code == status, (asked, headers, answer.text)
    checked(answer, status)
    assert status != 401 or answer.headers["www-authenticate"] == "Bearer"


def test_every_operation_needs_credentials_but_those_that_are_listed() -> None:
    assert {it.path for it in operations() if it.takes is None} <= PUBLIC_PATHS
    assert all(it.path.startswith("/v1/seat") for it in BROWSERS)
    assert OPERATORS


def test_nobody_gets_past_without_the_right_credentials(api: Api) -> None:
    refused_by_all = list(refused_headers(api).values())
    for one in requests_of(OPERATORS, NOWHERE):
        for headers in [*refused_by_all, bearer(token())]:
            refused(api, one, headers, 401)
    for one in requests_of(BROWSERS, SEAT_NOWHERE):
        for headers in [*refused_by_all, bearer(OPERATOR), bearer(VIEWER)]:
            refused(api, one, headers, 401)


def test_credentials_count_before_the_body_whatever_it_is(api: Api) -> None:
    for body in BODIES:
        for one in requests_of(OPERATORS, NOWHERE):
            refused(api, one, {}, 401, body=body)
            refused(api, one, bearer(token()), 401, body=body)
            if one[0] != "GET":
                refused(api, one, bearer(VIEWER), 403, body=body)
        for one in requests_of(BROWSERS, SEAT_NOWHERE):
            refused(api, one, bearer(OPERATOR), 401, body=body)


def test_a_viewer_may_look_everywhere(api: Api) -> None:
    _, stored = api_keys.create(api.deps.database, "eyes", KeyRole.VIEWER)
    for method, path in requests_of(OPERATORS, NOWHERE):
        for key in (VIEWER, stored):
            answer = api.stranger.request(method, path, content=b"not json", headers=bearer(key))
            assert (answer.status_code == 403) == (method != "GET"), (method, path, answer.text)
            assert answer.status_code != 401


def test_a_token_of_another_meeting_leads_nowhere_in_this_one(api: Api) -> None:
    here, other = api.meeting("ana"), api.meeting("ana")
    room = api.breakout(here, 202, start="now")["rooms"][0]["id"]
    theirs = bearer(api.token(other, "ana"))
    assert checked(api.stranger.get("/v1/seat", headers=theirs), 200)["meeting_id"] == other["id"]
    arrived = {"location": "room", "room_id": room, "version": 0}
    assert checked(api.stranger.post("/v1/seat/ack", json=arrived, headers=theirs), 422)["code"] == "unknown_room"


def test_open_paths_need_nothing(api: Api) -> None:
    for path in ("/healthz", "/metrics", "/openapi.json", "/docs"):
        assert api.stranger.get(path).status_code == 200


def test_the_word_bearer_may_be_written_in_any_case(api: Api) -> None:
    assert api.stranger.get("/v1/meetings", headers={"Authorization": f"bEARER  {OPERATOR}"}).status_code == 200


def test_two_authorizations_are_as_good_as_none(api: Api) -> None:
    headers = [("Authorization", f"Bearer {OPERATOR}"), ("Authorization", f"Bearer {VIEWER}")]
    checked(api.stranger.get("/v1/meetings", headers=headers), 401)


def test_a_token_signed_with_an_older_secret_is_still_good(api: Api) -> None:
    meeting = api.meeting("ana")
    ana = api.get(f"/v1/meetings/{meeting['id']}/participants")["items"][0]["id"]
    for secret, status in [("today", 200), ("yesterday", 200), ("last year", 401)]:
        token = ClientTokens([secret]).issue(ana, meeting["id"], timedelta(minutes=5))[0]
        assert api.stranger.get("/v1/seat", headers=bearer(token)).status_code == status


def test_a_token_that_was_good_is_refused_once_it_has_expired(api: Api) -> None:
    meeting = api.meeting("ana")
    ana = api.get(f"/v1/meetings/{meeting['id']}/participants")["items"][0]["id"]
    headers = bearer(token(sub=ana, meeting=meeting["id"], exp=int(time.time()) + 2))
    checked(api.stranger.get("/v1/seat", headers=headers), 200)
    wait_until(lambda: api.stranger.get("/v1/seat", headers=headers).status_code == 401, what="401")


@pytest.mark.parametrize("text", ["ops:operator", "ops:boss:key", ":operator:key", "ops:operator:"])
def test_a_key_that_nobody_can_have_meant_stops_the_start(text: str) -> None:
    with pytest.raises(ValueError, match="API_KEYS"):
        bootstrap_keys(text)


def test_a_key_may_contain_colons() -> None:
    assert bootstrap_keys("ops:operator:a:b") == {key_hash(b"a:b"): Credential("ops", KeyRole.OPERATOR)}


def test_browsers_of_listed_origins_may_ask(api: Api) -> None:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "Authorization, Last-Event-ID"}
    good = api.stranger.options("/v1/seat", headers={"Origin": "https://meet.example", **asked})
    assert good.headers["access-control-allow-origin"] == "https://meet.example"
    refused = api.stranger.get("/v1/seat", headers={"Origin": "https://meet.example"})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://meet.example"
    other = api.stranger.get("/healthz", headers={"Origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in other.headers
