"""Answers STUN binding requests (RFC 8489), so that a browser's ICE counts as connected; all else is thrown away."""

import hashlib
import hmac
import secrets
import socket
import struct
import zlib
from asyncio import DatagramProtocol, DatagramTransport
from collections.abc import Callable
from typing import Any

MAGIC = 0x2112A442
REQUEST, SUCCESS = 0x0001, 0x0101
USERNAME, MESSAGE_INTEGRITY, XOR_MAPPED_ADDRESS, FINGERPRINT = 0x0006, 0x0008, 0x0020, 0x8028
FINGERPRINT_XOR = 0x5354554E
HEADER = struct.Struct("!HHI12s")
INTEGRITY_BYTES, FINGERPRINT_BYTES = 24, 8  # with their own headers
IPV4, IPV6 = 1, 2


class Responder(DatagramProtocol):
    """The one UDP socket of the sandbox; each transport of a page has a name and a password on it."""

    def __init__(self, is_deaf: Callable[[], bool] = lambda: False) -> None:
        self._is_deaf = is_deaf
        self._passwords: dict[str, str] = {}
        self._transport: DatagramTransport | None = None
        self.port = 0

    def connection_made(self, transport: Any) -> None:
        """Keep the socket."""
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def close(self) -> None:
        """Close the socket."""
        if self._transport:
            self._transport.close()

    def expect(self) -> tuple[str, str]:
        """Make the name and the password of a new transport."""
        name, password = secrets.token_hex(4), secrets.token_hex(12)
        self._passwords[name] = password
        return name, password

    def forget(self, name: str) -> None:
        """Answer a transport no longer."""
        self._passwords.pop(name, None)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Answer a request that is for one of the transports."""
        request = None if self._is_deaf() else parsed(data)
        if request is None or self._transport is None:
            return
        transaction, attributes = request
        ours = attributes.get(USERNAME, b"").decode(errors="replace").partition(":")[0]
        if password := self._passwords.get(ours):
            self._transport.sendto(success(transaction, addr, password), addr)


def parsed(data: bytes) -> tuple[bytes, dict[int, bytes]] | None:
    """Read a binding request: its transaction, and its attributes; None for anything else."""
    if len(data) < HEADER.size:
        return None
    kind, _length, magic, transaction = HEADER.unpack_from(data)
    if kind != REQUEST or magic != MAGIC:
        return None
    attributes, at = dict[int, bytes](), HEADER.size
    while at + 4 <= len(data):
        name, size = struct.unpack_from("!HH", data, at)
        attributes.setdefault(name, data[at + 4 : at + 4 + size])
        at += 4 + size + -size % 4
    return transaction, attributes


def success(transaction: bytes, address: tuple[Any, ...], password: str) -> bytes:
    """Write the answer: where the request came from, signed with the password."""
    body = _attribute(XOR_MAPPED_ADDRESS, _mapped(transaction, address))
    signed = _header(transaction, len(body) + INTEGRITY_BYTES) + body
    body += _attribute(MESSAGE_INTEGRITY, hmac.new(password.encode(), signed, hashlib.sha1).digest())
    summed = _header(transaction, len(body) + FINGERPRINT_BYTES) + body
    body += _attribute(FINGERPRINT, struct.pack("!I", zlib.crc32(summed) ^ FINGERPRINT_XOR))
    return _header(transaction, len(body)) + body


def _mapped(transaction: bytes, address: tuple[Any, ...]) -> bytes:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    raw, key = socket.inet_pton(family, address[0]), struct.pack("!I", MAGIC) + transaction
    hidden = bytes(byte ^ mask for byte, mask in zip(raw, key, strict=False))
    kind = IPV6 if family == socket.AF_INET6 else IPV4
    return struct.pack("!BBH", 0, kind, address[1] ^ MAGIC >> 16) + hidden


def _header(transaction: bytes, length: int) -> bytes:
    return HEADER.pack(SUCCESS, length, MAGIC, transaction)


def _attribute(name: int, value: bytes) -> bytes:
    return struct.pack("!HH", name, len(value)) + value + bytes(-len(value) % 4)
