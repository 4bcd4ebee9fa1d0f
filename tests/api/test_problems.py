"""Every failure is answered with a problem document, and nothing is written."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from orchestrator.api.limits import MAX_BODY_BYTES
from tests.api.conftest import parts
from tests.api.server import OPERATOR, UNKNOWN_ID, Api, bearer, checked
from tests.support.databases import migrate_to
from tests.support.sandbox_server import SandboxServer

DEEP = b"[" * 100_000


MALFORMED = [
    b"{",
    b"",
    b"[]",
    b"null",
    b"not json",
    b"\xff\xfe\x00",
    DEEP,
    b"9" * 5000,
    b'{"\\ud800": 1}',
    b'{"title": "\\ud800"}',
    b'{"title": NaN}',
]


def test_a_malformed_body_is_422_with_the_reasons(api: Api) -> None:
    for body in MALFORMED:
        sent = api.client.post("/v1/meetings", content=body, headers={"Content-Type": "application/json"})
        errors = checked(sent, 422)["errors"]
        assert errors, body[:20]
        assert all(set(error) == {"loc", "msg"} and error["loc"][0] == "body" for error in errors)
    assert api.get("/v1/meetings")["items"] == []


def test_a_malformed_ack_is_422_with_the_reasons(api: Api) -> None:
    meeting = api.meeting("ana")
    credentials = bearer(api.token(meeting, "ana"))
    good = json.dumps({"location": "main", "version": 0}).encode()

    def send(body: bytes, **headers: str) -> httpx.Response:
        return api.stranger.post("/v1/seat/ack", content=body, headers=credentials | headers)

    for body in [*MALFORMED, b"{}", b'{"location": "main", "version": -1}', b'{"location": "room", "version": 1}']:
        errors = checked(send(body), 422)["errors"]
        assert errors, body[:20]
        assert all(set(error) == {"loc", "msg"} and error["loc"][0] == "body" for error in errors)
    for media_type in ("application/json", "application/json; charset=utf-8", "Application/Problem+JSON"):
        checked(send(good, **{"Content-Type": media_type}), 200)
    checked(send(good), 200)
    for media_type in ("text/plain", "application/jsonp", "json", "+json", "text/x+json", "image/svg+json"):
        checked(send(good, **{"Content-Type": media_type}), 415)


def test_json_is_read_as_json_also_when_the_header_is_missing(api: Api) -> None:
    answer = api.client.post("/v1/meetings", content=json.dumps({"title": "Physics"}).encode())
    assert answer.status_code == 201


def test_a_thousand_mistakes_are_answered_with_the_first_ones(api: Api) -> None:
    answer = api.post("/v1/meetings", {"title": "x", "participants": [{}] * 1000}, 422)
    assert len(answer["errors"]) == 100


def test_unknown_paths_and_methods(api: Api) -> None:
    for path in ("/nothing", "/v1/nothing", f"/v1/breakouts/{UNKNOWN_ID}/help", "/v1/meetings/"):
        checked(api.client.get(path), 404)
    answer = api.client.delete("/v1/meetings")
    checked(answer, 405)
    assert "GET" in answer.headers["allow"] or "POST" in answer.headers["allow"]


STRANGE_IDS = [
    UNKNOWN_ID,
    "1",
    "%00",
    "a%00b",
    "%F0%9F%8E%88",
    "x" * 3000,
    UNKNOWN_ID.upper(),
    "%0A",
    UNKNOWN_ID + "%0A",
]


def test_an_id_that_is_not_ours_is_404(api: Api) -> None:
    for row_id in STRANGE_IDS:
        for path in (f"/v1/meetings/{row_id}", f"/v1/breakouts/{row_id}", f"/v1/meetings/{row_id}/participants"):
            checked(api.client.get(path), 404)
        for verb in ("start", "close", "cancel"):
            checked(api.client.post(f"/v1/breakouts/{row_id}/{verb}"), 404)
        checked(api.client.post(f"/v1/meetings/{row_id}/breakouts", json={"rooms": 2}), 404)
        checked(api.client.get(f"/v1/meetings/{row_id}/breakouts"), 404)


def test_a_participant_that_is_not_there_is_404(api: Api) -> None:
    meeting = api.meeting("ana")
    for name in ("nobody", "a%00b", "%0A"):
        path = f"/v1/meetings/{meeting['id']}/participants/{name}"
        checked(api.client.post(f"{path}/client-tokens", json={}), 404)
        checked(api.client.put(f"{path}/present", json={"present": True}), 404)


def test_a_body_that_is_too_large_is_413(api: Api) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 65536 + 2):
            yield b" " * 65536

    checked(api.client.post("/v1/meetings", content=b" " * (MAX_BODY_BYTES + 1)), 413)
    checked(api.client.post("/v1/meetings", content=endless()), 413)


def test_credentials_come_before_size(api: Api) -> None:
    checked(api.stranger.post("/v1/meetings", content=b" " * (MAX_BODY_BYTES + 1)), 401)


def test_pages_are_asked_for_properly(api: Api) -> None:
    for query in ("limit=0", "limit=201", "limit=x", "cursor=x", "cursor=%00", "cursor="):
        assert api.get(f"/v1/meetings?{query}", 422)["errors"][0]["loc"][0] == "query"


def test_without_a_database_everything_is_503_and_nothing_a_traceback(
    sandbox: SandboxServer, broker_url: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'no' / 'folder' / 'here.db'}"
    with parts(sandbox, tmp_path, database_url=url, broker_url=broker_url) as built, Api(built) as api:
        for method, path in [("GET", "/v1/meetings"), ("POST", f"/v1/breakouts/{UNKNOWN_ID}/start")]:
            answer = api.stranger.request(method, path, headers=bearer(OPERATOR))
            checked(answer, 503)
            assert int(answer.headers["retry-after"]) >= 1
            assert "Traceback" not in answer.text
        assert api.get("/readyz", 503)["failing"] == ["database"]


@pytest.mark.parametrize("revision", [None, "0003"])
def test_on_a_database_that_is_not_migrated_what_it_lacks_is_503(
    sandbox: SandboxServer, empty_database_url: str, broker_url: str, tmp_path: Path, revision: str | None
) -> None:
    if revision:
        migrate_to(empty_database_url, revision)
    urls = {"database_url": empty_database_url, "broker_url": broker_url}
    with parts(sandbox, tmp_path, **urls) as built, Api(built) as api:
        answer = api.stranger.get("/v1/webhook-endpoints", headers=bearer(OPERATOR))
        assert "schema" in checked(answer, 503)["detail"]
        assert int(answer.headers["retry-after"]) >= 1


def test_a_mistake_of_ours_tells_nothing(api: Api) -> None:
    @api.app.get("/broken")
    def broken() -> None:
        raise RuntimeError("a secret")

    answer = api.client.get("/broken", headers={"Origin": "https://meet.example"})
    checked(answer, 500)
    assert "secret" not in answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == "https://meet.example", "so that their pages can read it"
