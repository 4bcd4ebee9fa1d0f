"""Webhook deliveries: verified by their signature, stored once, and never lost by a failure of ours."""

import base64
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from sqlalchemy import func, select

from orchestrator.api.crowd.readers import THREADS
from orchestrator.runtime.ports import LOOPBACK
from orchestrator.services.deps import Deps
from schemas.tables import Fact
from tests.api.conftest import parts
from tests.api.server import JSON, Api, bearer, checked
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import wait_until

PATH = "/v1/webhooks/realtimekit"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = (
    KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)


@pytest.fixture
def deps(sandbox: SandboxServer, database_url: str, broker_url: str, tmp_path: Path) -> Iterator[Deps]:
    """Build parts that know our key, on each database."""
    pinned = {"database_url": database_url, "broker_url": broker_url, "realtimekit_webhook_public_key": PEM}
    with parts(sandbox, tmp_path, **pinned) as built:
        yield built


def signed(raw: bytes, **headers: str) -> dict[str, str]:
    signature = base64.b64encode(KEY.sign(raw, padding.PKCS1v15(), hashes.SHA256())).decode()
    return {"rtk-signature": signature, "Content-Type": "application/json"} | headers


def deliver(api: Api, raw: bytes, **headers: str) -> httpx.Response:
    return api.stranger.post(PATH, content=raw, headers=signed(raw, **headers))


def joined(meeting: JSON, **person: Any) -> bytes:
    who = {"peerId": "p1", "customParticipantId": "ana", "joinedAt": "2026-01-01T00:00:00Z"} | person
    event = {"event": "meeting.participantJoined", "participant": who}
    return json.dumps(event | {"meeting": {"id": meeting["realtimekit_meeting_id"], "sessionId": "s1"}}).encode()


def kept(api: Api) -> int:
    with api.deps.database.reading() as session:
        return session.scalar(select(func.count()).select_from(Fact)) or 0


def test_a_delivery_is_kept_once_however_often_it_comes(api: Api) -> None:
    raw = joined(api.meeting("ana"))
    for _ in range(3):
        assert deliver(api, raw, **{"rtk-uuid": "one"}).status_code == 200
    assert kept(api) == 1


def test_without_an_id_the_same_bytes_are_the_same_delivery(api: Api) -> None:
    raw = joined(api.meeting("ana"))
    for _ in range(2):
        assert deliver(api, raw).status_code == 200
    assert deliver(api, raw, **{"rtk-uuid": "x" * 5000}).status_code == 200
    assert kept(api) == 2


def test_a_signature_must_be_there_and_fit_the_very_bytes(api: Api) -> None:
    raw = joined(api.meeting("ana"))
    bad: list[dict[str, str]] = [{}, {"rtk-signature": ""}, {"rtk-signature": "?"}, signed(raw + b" ")]
    for headers in bad:
        checked(api.stranger.post(PATH, content=raw, headers=headers), 401)
        checked(api.stranger.post(PATH, content=b"not json", headers=headers), 401)
    assert kept(api) == 0


def test_signed_but_not_json_is_400(api: Api) -> None:
    for raw in (b"", b"{", b"\xff", b"[" * 100_000):
        checked(deliver(api, raw), 400)


def test_signed_and_of_no_use_is_200(api: Api) -> None:
    for raw in (b"[]", b"1", b"{}", b'{"event": 7}', b'{"event": "meeting.chatSynced"}'):
        assert deliver(api, raw).status_code == 200
    assert kept(api) == 0


def test_what_a_database_can_not_store_does_no_harm(api: Api) -> None:
    meeting = api.meeting("ana")
    for nasty in ("\x00", "\ud800", "a" * 10_000):
        assert deliver(api, joined(meeting, customParticipantId=nasty, userDisplayName=nasty)).status_code == 200
        assert deliver(api, joined({"realtimekit_meeting_id": nasty})).status_code == 200


def test_without_the_key_it_is_our_trouble(
    sandbox: SandboxServer, sqlite_url: str, broker_url: str, tmp_path: Path
) -> None:
    away = {"database_url": sqlite_url, "broker_url": broker_url, "realtimekit_webhook_keys_url": "http://127.0.0.1:9/"}
    with parts(sandbox, tmp_path, **away) as built, Api(built) as api:
        answer = deliver(api, b"{}")
        checked(answer, 503)
        assert answer.headers["retry-after"]


def test_while_the_key_is_waited_for_seats_are_read(
    sandbox: SandboxServer, sqlite_url: str, broker_url: str, tmp_path: Path
) -> None:
    with socket.create_server((LOOPBACK, 0)) as silent, ThreadPoolExecutor() as pool:
        url = f"http://{LOOPBACK}:{silent.getsockname()[1]}/"
        slow = {"database_url": sqlite_url, "broker_url": broker_url, "realtimekit_webhook_keys_url": url}
        with parts(sandbox, tmp_path, **slow) as built, Api(built) as api:
            token = api.token(api.meeting("ana"), "ana")
            waiting = [pool.submit(deliver, api, b"{}") for _ in range(2 * THREADS)]
            connection, _ = silent.accept()
            for _ in range(3):
                checked(api.stranger.get("/v1/seat", headers=bearer(token)), 200)
            assert not any(one.done() for one in waiting)
            connection.close()
            assert {one.result(10).status_code for one in waiting} == {503}


def test_the_sandbox_s_own_deliveries_are_believed(
    sandbox: SandboxServer, sqlite_url: str, broker_url: str, tmp_path: Path
) -> None:
    urls = {"database_url": sqlite_url, "broker_url": broker_url}
    with parts(sandbox, tmp_path, **urls) as built, Api(built) as api:
        kit = built.realtimekit
        kit.run(kit.create_webhook("ours", f"{api.url}{PATH}", ["meeting.participantJoined"]))
        sandbox.emit(json.loads(joined(api.meeting("ana"))))
        wait_until(lambda: kept(api) == 1, what="the delivery")
