"""Webhooks: events as RealtimeKit documents them, malformed bodies, and signatures."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from orchestrator.realtimekit.signatures import SignatureChecker, verify
from orchestrator.realtimekit.webhooks import (
    MeetingEnded,
    MeetingStarted,
    ParticipantJoined,
    ParticipantLeft,
    RecordingUpdated,
    parse,
)
from tests.realtimekit.scripted import ScriptedServer
from tests.support.sandbox_server import SandboxServer

MEETING = {
    "id": "m1",
    "sessionId": "s1",
    "title": "Room 1",
    "roomName": "m1",
    "status": "LIVE",
    "createdAt": "2026-06-03T10:00:00.000Z",
    "startedAt": "2026-06-03T10:00:01.000Z",
    "organizedBy": {"id": "app", "name": "App"},
}
PERSON = {
    "peerId": "p1",
    "userDisplayName": "Ana",
    "customParticipantId": "ana",
    "clientSpecificId": "ana",
    "joinedAt": "2026-06-03T10:00:02.000Z",
}
RECORDING = {
    "id": "r1",
    "recordingId": "r1",
    "status": "UPLOADED",
    "downloadUrl": "https://example.org/r1.mp4",
    "downloadUrlExpiry": "2026-06-10T10:00:00Z",
    "startedTime": "2026-06-03T10:00:05Z",
    "stoppedTime": "2026-06-03T10:30:05Z",
    "fileSize": "2044680",
    "outputFileName": "r1.mp4",
    "meetingId": "m1",
    "recordingDuration": 1800,
    "organizationId": "app",
    "roomUUID": "s1",
}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def at(second: int, minute: int = 0) -> datetime:
    return datetime(2026, 6, 3, 10, minute, second, tzinfo=UTC)


def pem(key: Any) -> str:
    public: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return public.decode()


def signed(body: bytes, key: RSAPrivateKey = KEY) -> str:
    return base64.b64encode(key.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()


def parsed(**body: Any) -> Any:
    return parse(json.dumps(body).encode())


def test_sessions_begin_and_end() -> None:
    assert parsed(event="meeting.started", meeting=MEETING) == MeetingStarted("m1", "s1", at(1))
    ended = MEETING | {"endedAt": "2026-06-03T10:30:00.000Z"}
    reason = "HOST_ENDED_MEETING"
    assert parsed(event="meeting.ended", meeting=ended, reason=reason) == MeetingEnded("m1", "s1", at(0, 30), reason)


def test_people_join_and_leave() -> None:
    joined = parsed(event="meeting.participantJoined", meeting=MEETING, participant=PERSON)
    assert joined == ParticipantJoined("m1", "s1", "p1", "ana", "Ana", at(2))
    gone = PERSON | {"leftAt": "2026-06-03T10:05:00.000Z"}
    left = parsed(event="meeting.participantLeft", meeting=MEETING, participant=gone)
    assert left == ParticipantLeft("m1", "s1", "p1", "ana", at(2), at(0, 5))


def test_a_recording_has_its_size_though_that_is_sent_as_a_text() -> None:
    updated = parsed(event="recording.statusUpdate", recording=RECORDING, meeting=MEETING)
    assert updated == RecordingUpdated(
        meeting_id="m1",
        session_id="s1",
        recording_id="r1",
        status="UPLOADED",
        started_at=at(5),
        stopped_at=at(5, 30),
        download_url="https://example.org/r1.mp4",
        download_expires_at=datetime(2026, 6, 10, 10, tzinfo=UTC),
        file_name="r1.mp4",
        duration_seconds=1800,
        file_size=2044680,
    )


def test_missing_and_unreadable_fields_are_none() -> None:
    bare = parsed(event="recording.statusUpdate", recording={"recordingId": "r1", "status": "ERRORED", "fileSize": "?"})
    assert bare == RecordingUpdated(None, None, "r1", "ERRORED", None, None, None, None, None, None, None)
    joined = parsed(
        event="meeting.participantJoined",
        meeting={"id": "m1", "new": True},
        participant={"peerId": "p1", "customParticipantId": "ana", "joinedAt": "yesterday"},
    )
    assert joined == ParticipantJoined("m1", None, "p1", "ana", None, None)
    anonymous = parsed(event="meeting.participantJoined", meeting={"id": "m1"}, participant={"peerId": "p1"})
    assert anonymous == ParticipantJoined("m1", None, "p1", "", None, None)


@pytest.mark.parametrize(
    "body",
    [
        [],
        7,
        None,
        {},
        {"event": "meeting.started"},
        {"event": "meeting.started", "meeting": None},
        {"event": "meeting.started", "meeting": {"id": 7}},
        {"event": ["meeting.started"], "meeting": MEETING},
        {"event": "meeting.participantJoined", "meeting": MEETING},
        {"event": "meeting.participantJoined", "meeting": MEETING, "participant": {"customParticipantId": "ana"}},
        {"event": "meeting.participantLeft", "meeting": MEETING, "participant": []},
        {"event": "recording.statusUpdate", "recording": {"id": "r1"}, "meeting": MEETING},
        {"event": "recording.statusUpdate", "meeting": MEETING},
        {"event": "meeting.chatSynced", "meetingId": "m1", "sessionId": "s1"},
        {"event": "livestreaming.statusUpdate", "meeting": MEETING, "streamId": "x"},
        {"event": "of the future", "meeting": MEETING},
    ],
)
def test_an_event_that_we_do_not_use_is_none(body: Any) -> None:
    assert parse(json.dumps(body).encode()) is None


@pytest.mark.parametrize("raw", [b"", b"not json", b"\xff\xfe", b'{"event":'])
def test_a_body_that_is_not_json_is_an_error(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever json raises
        parse(raw)


def test_only_the_signed_bytes_pass() -> None:
    body = b'{"event": "meeting.started"}'
    assert verify(body, signed(body), pem(KEY))
    assert not verify(body + b" ", signed(body), pem(KEY))
    assert not verify(b'{"event":"meeting.started"}', signed(body), pem(KEY))
    assert not verify(body, signed(body), pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))


@pytest.mark.parametrize(
    "signature", ["", "x", "not base64!", "AAAA", "ä", pytest.param(signed(b"else"), id="of else")]
)
def test_a_malformed_signature_does_not_pass(signature: str) -> None:
    assert not verify(b"body", signature, pem(KEY))


@pytest.mark.parametrize(
    "key", ["", "no key", pytest.param(pem(ec.generate_private_key(ec.SECP256R1())), id="not RSA")]
)
def test_a_bad_key_is_an_error_of_the_configuration(key: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - ours or that of cryptography
        verify(b"body", signed(b"body"), key)


def publish(scripted: ScriptedServer, key: RSAPrivateKey) -> None:
    scripted.reply({"success": True, "data": {"publicKey": pem(key)}, "message": ""})


def test_the_published_key_is_fetched_once(scripted: ScriptedServer) -> None:
    publish(scripted, KEY)
    keys = SignatureChecker(scripted.url)
    assert keys.verify(b"one", signed(b"one")) is True
    assert keys.verify(b"two", signed(b"two")) is True
    assert len(scripted.asked) == 1


def test_a_changed_key_is_fetched_again(scripted: ScriptedServer) -> None:
    publish(scripted, KEY)
    keys = SignatureChecker(scripted.url, refetch_seconds=0)
    assert keys.verify(b"one", signed(b"one")) is True
    changed = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    publish(scripted, changed)
    assert keys.verify(b"two", signed(b"two", changed)) is True


def test_forged_signatures_do_not_fetch_the_key_again_and_again(scripted: ScriptedServer) -> None:
    publish(scripted, KEY)
    keys = SignatureChecker(scripted.url)
    assert [keys.verify(b"forged", "AAAA") for _ in range(20)] == [False] * 20
    assert len(scripted.asked) == 1


@pytest.mark.parametrize("body", [b"down", {"data": {}}, {"data": {"publicKey": "rubbish"}}, []])
def test_without_a_key_the_result_is_none(scripted: ScriptedServer, body: Any) -> None:
    scripted.reply(body, status=200)
    keys = SignatureChecker(scripted.url, refetch_seconds=0)
    assert keys.verify(b"one", signed(b"one")) is None
    publish(scripted, KEY)
    assert keys.verify(b"one", signed(b"one")) is True


def test_a_key_that_can_not_be_fetched_again_leaves_the_known_one(scripted: ScriptedServer) -> None:
    publish(scripted, KEY)
    keys = SignatureChecker(scripted.url, refetch_seconds=0)
    assert keys.verify(b"one", "AAAA") is False
    scripted.reply(b"down", status=503)
    assert keys.verify(b"one", "AAAA") is False
    assert keys.verify(b"one", signed(b"one")) is True


def test_a_pinned_key_is_never_fetched(scripted: ScriptedServer) -> None:
    keys = SignatureChecker(scripted.url, pinned_key=pem(KEY))
    assert keys.verify(b"one", signed(b"one")) is True
    assert keys.verify(b"one", "AAAA") is False
    assert scripted.asked == []


def test_the_sandbox_publishes_its_key_like_realtimekit(sandbox: SandboxServer) -> None:
    keys = SignatureChecker(f"{sandbox.root}/.well-known/webhooks.json")
    assert keys.verify(b"forged", signed(b"forged")) is False
