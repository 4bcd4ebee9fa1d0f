"""Webhooks: their events, their signatures, and their retries."""

import base64
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from orchestrator.sandbox.world.config import SandboxConfig
from orchestrator.sandbox.world.payloads import EVENTS
from tests.sandbox.kit import JSON, Kit
from tests.sandbox.receiver import Received, Receiver
from tests.sandbox.test_field_tables import check
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import wait_until

MEETING = "id:uuid sessionId:uuid title:text roomName:uuid status:LIVE createdAt:time startedAt:time organizedBy:object"
PERSON = "peerId:uuid userDisplayName:text customParticipantId:text clientSpecificId:text joinedAt:time"
RECORDING = (
    "id:uuid recordingId:uuid status:text outputFileName:text meetingId:uuid organizationId:uuid roomUUID:uuid"
    " recordingDuration:number"
)


@pytest.fixture
def subscribed(kit: Kit, receiver: Receiver) -> Kit:
    """Subscribe the receiver to all events."""
    subscribe(kit, receiver, *EVENTS)
    return kit


def subscribe(kit: Kit, receiver: Receiver, *events: str, **more: object) -> JSON:
    body = {"name": "ours", "url": receiver.url, "events": events} | more
    data: JSON = kit.request("POST", "/webhooks", json=body).json()["data"]
    return data


def all_delivered(kit: Kit) -> None:
    wait_until(lambda: kit.sandbox.deliveries()["pending"] == 0)


def verify(kit: Kit, delivery: Received) -> None:
    published = kit.plain.get(f"{kit.sandbox.root}/.well-known/webhooks.json").json()
    assert (published["success"], published["message"]) == (True, "")
    key = serialization.load_pem_public_key(published["data"]["publicKey"].encode())
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(base64.b64decode(delivery.signature), delivery.raw, padding.PKCS1v15(), hashes.SHA256())


def test_a_session_sends_its_four_events_in_camel_case(subscribed: Kit, receiver: Receiver) -> None:
    kit = subscribed
    kit.sandbox.timings(keep_alive_seconds=0)
    meeting_id = kit.meeting("Main")
    joined = kit.joined(meeting_id)
    all_delivered(kit)
    kit.sandbox.leave(joined["peer_id"])
    wait_until(lambda: "meeting.ended" in receiver.events())
    all_delivered(kit)
    story = ["meeting.started", "meeting.participantJoined", "meeting.participantLeft", "meeting.ended"]
    assert sorted(receiver.events()) == sorted(story)
    for delivery in receiver.received:
        part = delivery.body["meeting"]
        check(part, MEETING)
        assert (part["id"], part["sessionId"]) == (meeting_id, joined["session_id"])
        assert (part["roomName"], part["title"]) == (meeting_id, "Main")
    person = receiver.of("meeting.participantLeft")[0]["participant"]
    check(person, f"{PERSON} leftAt:time")
    assert (person["peerId"], person["customParticipantId"]) == (joined["peer_id"], "ann")
    assert "leftAt" not in receiver.of("meeting.participantJoined")[0]["participant"]
    ended = receiver.of("meeting.ended")[0]
    assert ended["reason"] == "ALL_PARTICIPANTS_LEFT"
    check(ended["meeting"], "endedAt:time")


@pytest.mark.parametrize("by", ["kick_all", "client"])
def test_a_meeting_that_a_host_ends_has_that_reason(subscribed: Kit, receiver: Receiver, by: str) -> None:
    meeting_id = subscribed.meeting()
    subscribed.joined(meeting_id)
    if by == "client":
        subscribed.sandbox.end(meeting_id)
    else:
        subscribed.api.active_session.kick_all_participants(meeting_id, **subscribed.ids)
    wait_until(lambda: receiver.of("meeting.ended"))
    assert receiver.of("meeting.ended")[0]["reason"] == "HOST_ENDED_MEETING"


def test_a_recording_sends_each_status(subscribed: Kit, receiver: Receiver) -> None:
    kit = subscribed
    meeting_id = kit.meeting()
    session_id = kit.joined(meeting_id)["session_id"]
    recording_id = kit.record(meeting_id)["id"]
    wait_until(lambda: kit.recording(recording_id)["status"] == "RECORDING")
    kit.stop(recording_id)
    wait_until(lambda: len(receiver.of("recording.statusUpdate")) == 3)
    steps = {event["recording"]["status"]: event["recording"] for event in receiver.of("recording.statusUpdate")}
    assert steps.keys() == {"RECORDING", "UPLOADING", "UPLOADED"}
    for step in steps.values():
        check(step, RECORDING)
        assert (step["id"], step["meetingId"], step["roomUUID"]) == (recording_id, meeting_id, session_id)
    check(steps["UPLOADED"], "downloadUrl:text audioDownloadUrl:text downloadUrlExpiry:time fileSize:text")
    assert kit.plain.get(steps["UPLOADED"]["downloadUrl"]).status_code == 200


def test_deliveries_are_signed_with_the_published_key(subscribed: Kit, receiver: Receiver) -> None:
    subscribed.joined(subscribed.meeting())
    wait_until(lambda: len(receiver.received) == 2)
    for delivery in receiver.received:
        verify(subscribed, delivery)
    assert len({delivery.uuid for delivery in receiver.received}) == 2
    forged = Received(b"{}", receiver.received[0].signature, "", "", 200)
    with pytest.raises(InvalidSignature):
        verify(subscribed, forged)


def test_the_key_can_be_configured(receiver: Receiver) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kind, no = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, kind, no).decode()
    with SandboxServer(SandboxConfig(webhook_private_key=pem)) as sandbox:
        kit = Kit(sandbox)
        subscribe(kit, receiver, "meeting.started")
        kit.joined(kit.meeting())
        wait_until(lambda: receiver.received)
        verify(kit, receiver.received[0])
        received = receiver.received[0]
        signature = base64.b64decode(received.signature)
        key.public_key().verify(signature, received.raw, padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("keeps", [True, False])
def test_a_5xx_is_retried_and_whether_the_uuid_stays_is_a_switch(kit: Kit, receiver: Receiver, keeps: bool) -> None:
    kit.sandbox.switches(webhook_retry_keeps_uuid=keeps)
    webhook = subscribe(kit, receiver, "meeting.started")
    receiver.answers = [503, 500]
    kit.joined(kit.meeting())
    wait_until(lambda: [delivery.status for delivery in receiver.received] == [503, 500, 200])
    all_delivered(kit)
    assert len({delivery.uuid for delivery in receiver.received}) == (1 if keeps else 3)
    assert len({delivery.raw for delivery in receiver.received}) == 1
    assert {delivery.webhook_id for delivery in receiver.received} == {webhook["id"]}
    attempts = kit.sandbox.deliveries()["attempts"]
    assert [(each["attempt"], each["status"]) for each in attempts] == [(1, 503), (2, 500), (3, 200)]


@pytest.mark.parametrize("status", [301, 400, 401, 404, 429])
def test_other_answers_are_never_retried(kit: Kit, receiver: Receiver, status: int) -> None:
    subscribe(kit, receiver, "meeting.started")
    receiver.answers = [status]
    kit.joined(kit.meeting())
    wait_until(lambda: receiver.received)
    all_delivered(kit)
    assert [delivery.status for delivery in receiver.received] == [status]


def test_retries_end_after_the_last_attempt(kit: Kit, receiver: Receiver) -> None:
    kit.sandbox.delivery(attempts=3)
    subscribe(kit, receiver, "meeting.started")
    receiver.answers = [500] * 10
    kit.joined(kit.meeting())
    wait_until(lambda: receiver.received)
    all_delivered(kit)
    assert len(receiver.received) == 3


def test_network_errors_are_retried(kit: Kit) -> None:
    kit.sandbox.delivery(attempts=2)
    body = {"name": "x", "url": "http://127.0.0.1:9/", "events": ["meeting.started"]}
    kit.request("POST", "/webhooks", json=body)
    kit.joined(kit.meeting())
    wait_until(lambda: [each["status"] for each in kit.sandbox.deliveries()["attempts"]] == [0, 0])


def test_only_enabled_webhooks_get_only_what_they_subscribe_to(kit: Kit, receiver: Receiver) -> None:
    subscribe(kit, receiver, "meeting.participantJoined")
    subscribe(kit, receiver, "meeting.started", enabled=False)
    kit.joined(kit.meeting())
    wait_until(lambda: receiver.received)
    all_delivered(kit)
    assert receiver.events() == ["meeting.participantJoined"]


def test_webhooks_can_be_switched_off(subscribed: Kit, receiver: Receiver) -> None:
    subscribed.sandbox.switches(webhooks_delivered=False)
    subscribed.joined(subscribed.meeting())
    assert subscribed.sandbox.deliveries() == {"pending": 0, "attempts": []}
    assert receiver.received == []


def test_webhooks_can_be_doubled_with_the_same_uuid(kit: Kit, receiver: Receiver) -> None:
    kit.sandbox.switches(webhook_duplicates=2)
    subscribe(kit, receiver, "meeting.started")
    kit.joined(kit.meeting())
    wait_until(lambda: len(receiver.received) == 3)
    assert len({delivery.uuid for delivery in receiver.received}) == 1


def test_webhooks_can_be_delayed(kit: Kit, receiver: Receiver) -> None:
    kit.sandbox.switches(webhook_delay_seconds=0.3)
    subscribe(kit, receiver, "meeting.started")
    began = time.monotonic()
    kit.joined(kit.meeting())
    wait_until(lambda: receiver.received)
    assert time.monotonic() - began >= 0.3


def test_webhooks_can_overtake_each_other(kit: Kit, receiver: Receiver) -> None:
    kit.sandbox.switches(webhook_reorder_seconds=0.4)
    subscribe(kit, receiver, "meeting.participantJoined")
    meeting_id = kit.meeting()
    names = [f"user-{number}" for number in range(12)]
    for name in names:
        kit.joined(meeting_id, name)
    wait_until(lambda: len(receiver.received) == len(names))
    heard = [event["participant"]["customParticipantId"] for event in receiver.of("meeting.participantJoined")]
    assert sorted(heard) == sorted(names)
    assert heard != names


def test_any_event_can_be_sent(subscribed: Kit, receiver: Receiver) -> None:
    event = {"event": "meeting.transcript", "meeting": {"id": "x"}, "transcriptDownloadUrl": "http://127.0.0.1/"}
    subscribed.sandbox.emit(event)
    wait_until(lambda: receiver.received)
    assert receiver.received[0].body == event
    verify(subscribed, receiver.received[0])
