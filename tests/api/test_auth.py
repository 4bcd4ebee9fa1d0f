"""Who may do what: decided before the body is read, on every path."""

import time
from datetime import timedelta

import jwt
import pytest

from orchestrator.api.auth import bootstrap_keys
from orchestrator.api.tokens import ClientTokens
from orchestrator.services.api_keys import key_hash
from orchestrator.store.secrets import subkey
from tests.api.server import NOBODY, OPERATOR, VIEWER, Api, bearer, checked

OPERATORS = [
    ("GET", "/v1/meetings"),
    ("POST", "/v1/meetings"),
    ("GET", f"/v1/meetings/{NOBODY}"),
    ("GET", f"/v1/meetings/{NOBODY}/participants"),
    ("POST", f"/v1/meetings/{NOBODY}/participants"),
    ("POST", f"/v1/meetings/{NOBODY}/participants/ana/client-tokens"),
    ("PUT", f"/v1/meetings/{NOBODY}/participants/ana/present"),
    ("GET", f"/v1/meetings/{NOBODY}/breakouts"),
    ("POST", f"/v1/meetings/{NOBODY}/breakouts"),
    ("GET", f"/v1/breakouts/{NOBODY}"),
    ("GET", f"/v1/breakouts/{NOBODY}/events"),
    ("GET", f"/v1/breakouts/{NOBODY}/log"),
    ("GET", f"/v1/breakouts/{NOBODY}/recordings"),
    ("POST", f"/v1/breakouts/{NOBODY}/start"),
    ("POST", f"/v1/breakouts/{NOBODY}/close"),
    ("POST", f"/v1/breakouts/{NOBODY}/cancel"),
    ("POST", f"/v1/breakouts/{NOBODY}/prepare"),
    ("PATCH", f"/v1/breakouts/{NOBODY}"),
    ("PATCH", f"/v1/breakouts/{NOBODY}/rooms/{NOBODY}"),
    ("PUT", f"/v1/breakouts/{NOBODY}/participants/ana/room"),
    ("GET", "/v1/no/such/path"),
    ("GET", "/v1"),
    ("GET", "/v1/seats"),
]
BROWSERS = [("GET", "/v1/seat"), ("GET", "/v1/seat/events"), ("POST", "/v1/seat/ack"), ("GET", "/v1/seat/nothing")]
OPEN = [("GET", "/healthz"), ("GET", "/metrics"), ("GET", "/openapi.json"), ("GET", "/docs")]


@pytest.fixture(scope="module")
def tokens() -> ClientTokens:
    return ClientTokens(["today", "yesterday"])


def some_token(tokens: ClientTokens) -> str:
    return tokens.issue(NOBODY, NOBODY, timedelta(minutes=5))[0]


def test_every_path_of_the_api_is_in_the_table(api: Api) -> None:
    fields = {"{meeting_id}": NOBODY, "{breakout_id}": NOBODY, "{room_id}": NOBODY, "{custom_participant_id}": "ana"}
    served = set()
    for path, operations in api.app.openapi()["paths"].items():
        for name, value in fields.items():
            path = path.replace(name, value)  # noqa: PLW2901 - the template, filled in bit by bit
        served |= {(method.upper(), path) for method in operations}
    webhooks = {("POST", "/v1/webhooks/realtimekit")}
    assert served <= {*OPERATORS, *BROWSERS, *OPEN, *webhooks, ("GET", "/readyz")}


@pytest.mark.parametrize("body", [b"", b"{}", b"not json", b"\xff\xfe"], ids=["empty", "json", "text", "bytes"])
def test_nobody_gets_past_without_the_right_credentials(api: Api, tokens: ClientTokens, body: bytes) -> None:
    strange = [{}, bearer("wrong"), {"Authorization": OPERATOR}, {"Authorization": f"Basic {OPERATOR}"}]
    for method, path in OPERATORS:
        for headers in [*strange, bearer(some_token(tokens))]:
            answer = api.stranger.request(method, path, content=body, headers=headers)
            checked(answer, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
    for method, path in BROWSERS:
        for headers in [*strange, bearer(OPERATOR), bearer(VIEWER)]:
            checked(api.stranger.request(method, path, content=body, headers=headers), 401)


def test_a_viewer_may_only_look(api: Api) -> None:
    for method, path in OPERATORS:
        answer = api.stranger.request(method, path, content=b"not json", headers=bearer(VIEWER))
        assert (answer.status_code == 403) == (method != "GET"), (method, path, answer.text)


def test_open_paths_need_nothing(api: Api) -> None:
    for method, path in OPEN:
        assert api.stranger.request(method, path).status_code == 200


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


def good_claims() -> dict[str, object]:
    now = int(time.time())
    return {"sub": NOBODY, "meeting": NOBODY, "aud": "seat", "iat": now, "exp": now + 60}


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": int(time.time()) - 1},
        {"aud": "something else"},
        {"exp": None},
        {"sub": None},
        {"meeting": None},
    ],
    ids=["expired", "for something else", "for ever", "for nobody", "for no meeting"],
)
def test_a_token_must_say_for_whom_and_how_long(api: Api, changed: dict[str, object]) -> None:
    claims = {key: value for key, value in (good_claims() | changed).items() if value is not None}
    token = jwt.encode(claims, subkey("today", "client tokens"), "HS256")
    checked(api.stranger.get("/v1/seat", headers=bearer(token)), 401)


def test_a_token_without_a_signature_is_none(api: Api) -> None:
    checked(api.stranger.get("/v1/seat", headers=bearer(jwt.encode(good_claims(), "", "none"))), 401)


def test_a_token_of_somebody_we_do_not_have_leads_nowhere(api: Api, tokens: ClientTokens) -> None:
    headers = bearer(some_token(tokens))
    checked(api.stranger.get("/v1/seat", headers=headers), 404)
    checked(api.stranger.get("/v1/seat/events", headers=headers), 404)


@pytest.mark.parametrize("text", ["ops:operator", "ops:boss:key", ":operator:key", "ops:operator:"])
def test_a_key_that_nobody_can_have_meant_stops_the_start(text: str) -> None:
    with pytest.raises(ValueError, match="API_KEYS"):
        bootstrap_keys(text)


def test_a_key_may_contain_colons() -> None:
    assert bootstrap_keys("ops:operator:a:b") == {key_hash(b"a:b"): "operator"}


def test_browsers_of_listed_origins_may_ask(api: Api) -> None:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "Authorization, Last-Event-ID"}
    good = api.stranger.options("/v1/seat", headers={"Origin": "https://meet.example", **asked})
    assert good.headers["access-control-allow-origin"] == "https://meet.example"
    refused = api.stranger.get("/v1/seat", headers={"Origin": "https://meet.example"})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://meet.example"
    other = api.stranger.get("/healthz", headers={"Origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in other.headers
