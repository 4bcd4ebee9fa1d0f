"""The encoding of the socket's messages, and the answers to STUN."""

import hashlib
import hmac
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.sandbox.edge import stun
from orchestrator.sandbox.edge.media_messages import CONSUME, JOINED
from orchestrator.sandbox.edge.messages import CHAT_MESSAGE, FRAME, PEERS, STORE
from orchestrator.sandbox.edge.protobuf import Malformed
from orchestrator.sandbox.edge.sdp import PeerConnection, read

OFFER = "\r\n".join(
    [
        "v=0",
        *("m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0", "a=sendonly", "a=rtpmap:111 opus/48000/2", "a=candidate:1"),
        *("m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:1", "a=sendonly", "a=rtpmap:96 VP8/90000", "a=rid:f send"),
        "a=simulcast:send f;h",
    ]
)


def test_a_frame_is_written_as_protobuf_writes_it() -> None:
    assert FRAME.encode({"event": 300, "id": "ab", "payload": b"\x01"}) == b"\x08\xac\x02\x12\x02ab\x1a\x01\x01"


@pytest.mark.parametrize(
    ("message", "values"),
    [
        (
            PEERS,
            {"peers": [{"peer_id": "ann", "stage_type": 1, "flags": {"hidden_participant": True}}, {"peer_id": "é"}]},
        ),
        (STORE, {"store_name": "s", "store_items": [{"store_key": "k", "payload": bytes(range(256))}]}),
        (
            CONSUME,
            {"status": True, "consumer_ids_map": {"map": {"p": {"consumer_id": "c"}, "q": {"error_code": "no"}}}},
        ),
        (JOINED, {"participants": [{"producer_states": [{"kind": 1, "pause": False}]}], "max_preferred_streams": 25}),
        (CHAT_MESSAGE, {"target_user_ids": ["a", "b"], "created_at_ms": 2**53}),
    ],
)
def test_what_is_written_is_read_again(message, values) -> None:  # type: ignore[no-untyped-def]  # any of the tables
    assert message.decode(message.encode(values)) == values


def test_unknown_fields_are_passed_over() -> None:
    fixed = struct.pack("<BQ", 9 << 3 | 1, 7) + struct.pack("<BI", 10 << 3 | 5, 7)
    assert FRAME.decode(b"\x08\x05" + fixed + b"\x7a\x01x") == {"event": 5}


@given(st.binary(max_size=60))
def test_bytes_that_are_no_message_are_malformed_and_nothing_worse(data: bytes) -> None:
    for message in (FRAME, PEERS, CONSUME):
        try:
            message.decode(data)
        except Malformed:
            continue


def test_a_stun_answer_tells_the_address_and_is_signed() -> None:
    answer = stun.success(b"t" * 12, ("192.0.2.1", 32853), "secret")
    kind, length, magic, transaction = stun.HEADER.unpack_from(answer)
    assert (kind, length, magic, transaction) == (stun.SUCCESS, len(answer) - 20, stun.MAGIC, b"t" * 12)
    assert answer[20:32] == struct.pack("!HHBBH4s", 0x0020, 8, 0, 1, 32853 ^ 0x2112, bytes([0xE1, 0x12, 0xA6, 0x43]))
    signed = stun.HEADER.pack(stun.SUCCESS, 12 + 24, stun.MAGIC, transaction) + answer[20:32]
    assert answer[36:56] == hmac.new(b"secret", signed, hashlib.sha1).digest()
    assert answer[-4:] == struct.pack("!I", zlib.crc32(answer[:-8]) ^ 0x5354554E)


def test_only_binding_requests_are_read() -> None:
    request = stun.HEADER.pack(stun.REQUEST, 12, stun.MAGIC, b"t" * 12) + struct.pack("!HH5s3x", 6, 5, b"ab:cd")
    assert stun.parsed(request) == (b"t" * 12, {6: b"ab:cd"})
    assert stun.parsed(b"\x16\xfe\xff") is None
    assert stun.parsed(b"\x01\x01" + request[2:]) is None


def test_an_offer_is_answered_section_by_section() -> None:
    peer = PeerConnection("127.0.0.1", 5, "name", "word")
    audio, video = read(peer.answer(OFFER))
    assert (audio.mid, audio.direction, audio.codecs) == ("0", "recvonly", ["a=rtpmap:111 opus/48000/2"])
    assert video.codecs == ["a=rtpmap:96 VP8/90000", "a=rid:f recv", "a=simulcast:recv f;h"]
    offered, mids = peer.offer([("video", "s1")])
    assert mids == ["2"]
    assert [section.mid for section in read(offered)] == ["0", "1", "2"]
    assert "a=group:BUNDLE 0 1 2" in offered
    assert "a=msid:s1 track-2" in offered
