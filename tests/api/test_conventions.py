"""What holds for every answer: caches, other origins, and slowing down who guesses keys."""

import time
from collections import Counter
from datetime import timedelta

import pytest

from orchestrator.services.access import api_keys
from schemas.states import KeyRole
from tests.api.server import OPERATOR, UNKNOWN_ID, VIEWER, Api, bearer, checked
from tests.support.waiting import wait_until

ORIGIN = {"Origin": "https://meet.example"}
ALLOWED = "Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID"


def test_no_answer_is_kept_by_a_cache(api: Api) -> None:
    meeting = api.meeting("ana")
    token = bearer(api.token(meeting, "ana"))
    answers = [
        api.client.get("/v1/meetings"),
        api.client.post("/v1/meetings", content=b"{"),
        api.client.get(f"/v1/meetings/{UNKNOWN_ID}"),
        api.client.delete("/v1/meetings"),
        api.client.options("/v1/meetings"),
        api.client.head("/v1/meetings"),
        api.client.get("/v1/nothing"),
        api.stranger.get("/v1/meetings"),
        api.stranger.get("/v1/seat", headers=token),
        api.stranger.get("/v1/seat"),
        api.stranger.post("/v1/webhooks/realtimekit", content=b"{}"),
    ]
    assert [answer.headers["cache-control"] for answer in answers] == ["no-store"] * len(answers)
    with api.stranger.stream("GET", "/v1/seat/events", headers=token) as stream:
        assert "no-store" in stream.headers["cache-control"]


@pytest.mark.parametrize("path", ["/v1/seat", "/v1/breakouts", "/v1/meetings"])
def test_browsers_of_listed_origins_may_send_and_read_what_they_need(api: Api, path: str) -> None:
    asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": ALLOWED}
    preflight = api.stranger.options(path, headers=ORIGIN | asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-max-age"] == "600"
    allowed = preflight.headers["access-control-allow-headers"].lower().split(", ")
    assert {name.lower() for name in ALLOWED.split(", ")} <= set(allowed)
    for answer in (api.stranger.get(path, headers=ORIGIN), api.client.get(path, headers=ORIGIN)):
        exposed = set(answer.headers["access-control-expose-headers"].split(", "))
        assert answer.headers["access-control-allow-origin"] == "https://meet.example"
        assert {"ETag", "Location", "Retry-After"} <= exposed


def test_a_viewer_may_ask_for_the_methods_of_a_path(api: Api) -> None:
    answer = api.stranger.options("/v1/meetings", headers=bearer(VIEWER))
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, POST, HEAD, OPTIONS")


def test_wrong_keys_and_tokens_are_slowed_down_and_nothing_else(api: Api) -> None:
    _, ended = api_keys.create(api.deps.database, "gone", KeyRole.OPERATOR)
    api_keys.revoke(api.deps.database, "gone")
    meeting = api.meeting("ana")
    person = api.get(f"/v1/meetings/{meeting['id']}/participants")["items"][0]["id"]
    expired = api.app.state.tokens.issue(person, meeting["id"], -timedelta(seconds=5))[0]
    good = api.token(meeting, "ana")

    def guess(number: int, path: str = "/v1/meetings") -> int:
        return api.stranger.get(path, headers=bearer(f"guess {number}")).status_code

    for _ in range(3):  # none of these is a guess
        for path, credential in (
            ("/v1/meetings", ended),
            ("/v1/meetings", good),
            ("/v1/meetings", expired),
            ("/v1/seat", expired),
            ("/v1/seat", OPERATOR),
        ):
            assert api.stranger.get(path, headers=bearer(credential)).status_code == 401, (path, credential)
        assert api.stranger.get("/v1/seat").status_code == 401
    begun = time.monotonic()
    wrong = Counter([guess(number, "/v1/seat" if number % 2 else "/v1/meetings") for number in range(600)])
    assert time.monotonic() - begun < 60, "this machine is too slow for a minute's guesses"
    assert wrong == {401: 600}
    refused = api.stranger.get("/v1/seat", headers=bearer("one more"))
    assert checked(refused, 429)["code"] == "too_many_wrong_keys"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    behind_proxy = {"X-Forwarded-For": "203.0.113.9"}  # the server of these tests believes its own machine
    assert api.stranger.get("/v1/seat", headers=bearer("of another") | behind_proxy).status_code == 401
    for path, credential, status in (
        ("/v1/meetings", OPERATOR, 200),
        ("/v1/seat", good, 200),
        ("/v1/meetings", ended, 401),
        ("/v1/seat", expired, 401),
        ("/v1/seat", OPERATOR, 401),
    ):
        assert api.stranger.get(path, headers=bearer(credential)).status_code == status, (path, credential)
    _, fresh = api_keys.create(api.deps.database, "fresh", KeyRole.VIEWER)
    wait_until(lambda: api.stranger.get("/v1/meetings", headers=bearer(fresh)).status_code == 200, what="a new key")
