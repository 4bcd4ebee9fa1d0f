"""Webhook endpoints: registered, changed, deleted; their secrets; where they may lead."""

import asyncio
import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlmodel import col

from orchestrator.outside.post import CHECKS_MOST, Post
from orchestrator.realtimekit.loop import LoopThread
from orchestrator.services.deps import Deps
from orchestrator.services.webhooks.delivering import deliver
from schemas.events import EventType
from schemas.tables import Endpoint, IdempotencyKey
from tests.api.conftest import parts
from tests.api.server import JSON, UNKNOWN_ID, VIEWER, Api, bearer
from tests.support.databases import SQLiteTemplate
from tests.support.endpoint import CallersServer
from tests.support.sandbox_server import SandboxServer
from tests.support.valkey import Valkey
from tests.support.waiting import LONG, wait_until

PATH = "/v1/webhook-endpoints"
PUBLIC = "https://8.8.8.8/hook"
FIELDS = {"id", "url", "events", "meeting_id", "disabled", "created_at"}
ROW = {"id", "type", "breakout_id", "state", "attempts", "last_status", "next_attempt_at", "created_at"}
REFUSED = [
    "ftp://8.8.8.8/",
    "/hook",
    "there.example",
    "http://",
    "http:///hook",
    "https://user:password@8.8.8.8/",
    "https://@8.8.8.8/",
    "http://8.8.8.8:0/",
    "http://8.8.8.8:99999/",
    "http://8.8.8.8/a b",
    "http://nobody.invalid/",
    "http://localhost/",
    "http://localhost./",
    "http://LOCALHOST:8080/",
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://0x7f.1/",
    "http://0/",
    "http://10.0.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fd00:ec2::254]/",
    "http://①②⑦.⓪.⓪.①/",
]


def _api(template: SQLiteTemplate, valkey: Valkey, factory: pytest.TempPathFactory, **more: Any) -> Iterator[Api]:
    home = factory.mktemp("endpoints")
    urls = {"database_url": template.copy_to(home / "breakouts.db"), "broker_url": valkey.url}
    with SandboxServer() as sandbox, parts(sandbox, home, **urls, **more) as deps, Api(deps) as running:
        yield running


@pytest.fixture(scope="module")
def api(
    sqlite_template: SQLiteTemplate, valkey_of_session: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """Run an API for this module."""
    yield from _api(sqlite_template, valkey_of_session, tmp_path_factory)


@pytest.fixture(scope="module")
def at_home(
    sqlite_template: SQLiteTemplate, valkey_of_session: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """Run one whose webhooks may go to this machine."""
    yield from _api(sqlite_template, valkey_of_session, tmp_path_factory, webhook_allow_private=True)


def _patch(api: Api, made: JSON, **body: Any) -> httpx.Response:
    return api.client.patch(f"{PATH}/{made['id']}", json=body)


def test_an_endpoint_is_made_read_changed_and_deleted(api: Api) -> None:
    meeting = api.meeting()
    body = {"url": PUBLIC, "events": ["problem", "breakout.state"], "meeting_id": meeting["id"]}
    made = api.post(PATH, body, 201)
    assert made.keys() == FIELDS | {"secret"}
    assert {**made, **body, "disabled": False} == made
    assert made["secret"].startswith("whsec_")
    shown = api.get(f"{PATH}/{made['id']}")
    assert shown == {name: made[name] for name in FIELDS}
    assert shown in api.get(PATH, limit=200)["items"]
    assert _patch(api, made, url="http://8.8.4.4/", events=None, disabled=True).json() == {
        **shown,
        "url": "http://8.8.4.4/",
        "events": None,
        "disabled": True,
    }
    assert _patch(api, made, events=[]).json()["events"] is None
    assert api.client.delete(f"{PATH}/{made['id']}").status_code == 204
    assert api.client.get(f"{PATH}/{made['id']}").status_code == 404


def test_lists_are_pages_in_either_order(api: Api) -> None:
    ids = [api.post(PATH, {"url": PUBLIC}, 201)["id"] for _ in range(3)]
    newest = api.get(PATH, limit=2, order="desc")
    assert [item["id"] for item in newest["items"]] == ids[:0:-1]
    after = api.get(PATH, limit=1, order="desc", cursor=newest["next_cursor"])
    assert [item["id"] for item in after["items"]] == ids[:1]


@pytest.mark.parametrize("url", REFUSED)
def test_where_no_webhook_may_go_is_refused(api: Api, url: str) -> None:
    answer = api.client.post(PATH, json={"url": url})
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "unusable_url"
    assert [error["loc"] for error in answer.json()["errors"]] == [["body", "url"]]


def test_a_change_is_checked_like_a_new_one(api: Api) -> None:
    made = api.post(PATH, {"url": PUBLIC}, 201)
    assert _patch(api, made, url="http://localhost/").status_code == 422
    assert api.get(f"{PATH}/{made['id']}")["url"] == PUBLIC
    assert api.client.patch(f"{PATH}/{UNKNOWN_ID}", json={"url": "http://localhost/"}).status_code == 404


def test_names_that_no_server_answers_keep_no_request_of_others_waiting(
    deps: Deps, request: pytest.FixtureRequest
) -> None:
    is_over = threading.Event()

    async def silence(_host: str, _port: int) -> list[str]:
        await asyncio.to_thread(is_over.wait, LONG)
        raise OSError("no answer")

    asking = replace(deps, post=Post(LoopThread("names"), private=False, lookup=silence))
    request.addfinalizer(asking.post.close)
    with Api(asking) as api, ThreadPoolExecutor(3 * CHECKS_MOST) as pool:
        asked = [pool.submit(api.client.post, PATH, json={"url": "https://silent.example/"}) for _ in range(60)]
        refused = [one.result() for one in itertools.islice(as_completed(asked, LONG), len(asked) - CHECKS_MOST)]
        api.get("/v1/meetings")
        waiting = [one for one in asked if not one.done()]
        is_over.set()
        assert len(waiting) == CHECKS_MOST, "nobody is let through late"
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(503, "too_busy")}
    assert {one.result().json()["code"] for one in waiting} == {"unusable_url"}


def test_private_addresses_where_they_are_allowed_and_metadata_never(at_home: Api) -> None:
    for url in ("http://localhost/", "http://127.0.0.1:9/", "http://10.1.2.3/", "http://[::1]/"):
        at_home.post(PATH, {"url": url}, 201)
    for url in ("http://169.254.169.254/", "http://[::ffff:169.254.169.254]/", "http://[fe80::1]/"):
        assert at_home.client.post(PATH, json={"url": url}).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": PUBLIC, "events": ["no.such"]},
        {"url": PUBLIC, "events": ["ping"]},
        {"url": PUBLIC, "meeting_id": UNKNOWN_ID},
        {"url": PUBLIC, "secret": "whsec_mine"},
        {"url": 7},
    ],
    ids=str,
)
def test_malformed_bodies_are_refused(api: Api, body: JSON) -> None:
    api.post(PATH, body, 422)


def test_every_type_of_event_can_be_asked_for(api: Api) -> None:
    types = [kind.value for kind in EventType]
    assert api.post(PATH, {"url": PUBLIC, "events": types}, 201)["events"] == types


def test_unknown_ids_are_404_before_all_else(api: Api) -> None:
    made = api.post(PATH, {"url": PUBLIC}, 201)
    one, other = f"{PATH}/{UNKNOWN_ID}", f"{PATH}/{made['id']}"
    calls = [("GET", one), ("PATCH", one), ("DELETE", one), ("POST", f"{one}/secret"), ("POST", f"{one}/ping")]
    calls += [("GET", f"{one}/deliveries"), ("POST", f"{other}/deliveries/{UNKNOWN_ID}/redeliver")]
    for method, path in calls:
        answer = api.client.request(method, path, json={} if method in ("POST", "PATCH") else None)
        assert (answer.status_code, method, path) == (404, method, path)
    assert api.client.patch(one, json={"nonsense": 1}).status_code == 404


def test_a_viewer_may_only_look_and_answers_have_no_version(api: Api) -> None:
    made = api.post(PATH, {"url": PUBLIC}, 201)
    for method, path in (("POST", PATH), ("POST", f"{PATH}/{made['id']}/secret"), ("DELETE", f"{PATH}/{made['id']}")):
        assert api.stranger.request(method, path, headers=bearer(VIEWER)).status_code == 403
    shown = api.stranger.get(f"{PATH}/{made['id']}", headers=bearer(VIEWER))
    assert (shown.status_code, "etag" in shown.headers) == (200, False)


def test_secrets_are_shown_once_and_stored_encrypted(api: Api, built_deps: Deps) -> None:
    key = {"Idempotency-Key": "one endpoint"}
    first, again = (api.client.post(PATH, json={"url": PUBLIC}, headers=key) for _ in range(2))
    assert (first.status_code, again.json()) == (201, first.json())
    path = f"{PATH}/{first.json()['id']}"
    rotated = [api.client.post(f"{path}/secret", headers={"Idempotency-Key": "one secret"}).json() for _ in range(2)]
    assert rotated[0] == rotated[1]
    assert rotated[0].keys() == {"secret"}
    secrets = {first.json()["secret"], rotated[0]["secret"]}
    assert len(secrets) == 2
    with built_deps.database.reading() as session:
        rows = [*session.scalars(select(Endpoint)), *session.scalars(select(IdempotencyKey))]
        stored = " ".join(str(row.model_dump()) for row in rows)
    assert not [secret for secret in secrets if secret in stored]
    assert not [secret for secret in secrets if secret in api.client.get(PATH, params={"limit": 200}).text]


@pytest.fixture
def built_deps(api: Api) -> Deps:
    """Return the parts behind the API."""
    return api.deps


def test_a_ping_and_its_redelivery_are_in_the_list(at_home: Api) -> None:
    with CallersServer() as server:
        made = at_home.post(PATH, {"url": server.url, "events": ["problem"]}, 201)
        path = f"{PATH}/{made['id']}"
        pinged = at_home.post(f"{path}/ping", {}, 202)
        assert pinged.keys() == ROW
        assert (pinged["type"], pinged["breakout_id"], pinged["state"]) == ("ping", None, "pending")
        _deliver(at_home, made, lambda: at_home.get(f"{path}/deliveries")["items"][0]["state"] == "delivered")
        again = at_home.post(f"{path}/deliveries/{pinged['id']}/redeliver", None, 202)
        assert (again["id"], again["state"]) == (pinged["id"], "pending")
        _deliver(at_home, made, lambda: at_home.get(f"{path}/deliveries")["items"][0]["attempts"] == 2)
        assert [(heard.id, heard.verified(made["secret"])["type"]) for heard in server.heard] == 2 * [
            (pinged["id"], "ping")
        ]


def _deliver(api: Api, made: JSON, until: Any) -> None:
    def done() -> bool:
        with api.deps.database.reading() as session:
            claim = session.scalar(select(col(Endpoint.claim)).where(col(Endpoint.id) == made["id"]))
        deliver(api.deps, made["id"], claim or 0)
        return bool(until())

    wait_until(done, what="the delivery")
