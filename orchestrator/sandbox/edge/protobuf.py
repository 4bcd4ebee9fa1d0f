"""Messages in the protobuf encoding, as tables of their fields: just what the edge needs of it.

A message is a dict by names of fields. What a message does not say is not in the dict.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

Values = dict[str, Any]

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
FIXED_SIZES = {FIXED64: 8, FIXED32: 4}
MAX_VARINT_BYTES = 10


class Scalar(Enum):
    """The kinds of values that are no message."""

    STRING = "string"
    BYTES = "bytes"
    BOOL = "bool"
    INT = "int"  # every whole number; none of ours is negative


STRING, BYTES, BOOL, INT = Scalar.STRING, Scalar.BYTES, Scalar.BOOL, Scalar.INT


class Malformed(Exception):
    """Bytes that are no such message."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its number, the kind of its value, and whether there may be many of it."""

    number: int
    kind: "Scalar | Message"
    many: bool = False
    by_key: bool = False
    """A map from texts to this kind."""


def one(number: int, kind: "Scalar | Message") -> Field:
    """Describe a field with one value."""
    return Field(number, kind)


def many(number: int, kind: "Scalar | Message") -> Field:
    """Describe a field with any number of values."""
    return Field(number, kind, many=True)


def by_key(number: int, kind: "Scalar | Message") -> Field:
    """Describe a map from texts to values."""
    return Field(number, kind, by_key=True)


class Message:
    """A kind of message: its full name, and its fields by their names."""

    def __init__(self, full_name: str, **fields: Field) -> None:
        self.full_name, self.fields = full_name, fields
        self._by_number = {field.number: (name, field) for name, field in fields.items()}

    def encode(self, values: Values) -> bytes:
        """Write a message. A name that is none of its fields is a KeyError."""
        return b"".join(_encoded(self.fields[name], value) for name, value in values.items() if value is not None)

    def decode(self, data: bytes) -> Values:
        """Read a message, passing over fields that are not in the table. Raises Malformed."""
        values: Values = {}
        for number, wire, raw in _parts(data):
            if number in self._by_number:
                name, field = self._by_number[number]
                _take(values, name, field, wire, raw)
        return values


def _encoded(field: Field, value: Any) -> bytes:
    if field.by_key:
        return b"".join(_tagged(field.number, _entry(field).encode({"key": k, "value": v})) for k, v in value.items())
    if field.many:
        return b"".join(_single(field, each) for each in value)
    return _single(field, value)


def _single(field: Field, value: Any) -> bytes:
    kind = field.kind
    if isinstance(kind, Message):
        return _tagged(field.number, kind.encode(value))
    if kind is STRING:
        return _tagged(field.number, value.encode())
    if kind is BYTES:
        return _tagged(field.number, value)
    return _varint(field.number << 3 | VARINT) + _varint(int(value))


def _tagged(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | LENGTH) + _varint(len(body)) + body


def _entry(field: Field) -> Message:
    return Message("entry", key=one(1, STRING), value=one(2, field.kind))


def _take(values: Values, name: str, field: Field, wire: int, raw: int | bytes) -> None:
    if field.by_key:
        entry = _entry(field).decode(_bytes(raw))
        values.setdefault(name, {})[entry.get("key", "")] = entry.get("value", {})
    elif field.many and wire == LENGTH and field.kind in {BOOL, INT}:
        values.setdefault(name, []).extend(_packed(field.kind, _bytes(raw)))
    elif field.many:
        values.setdefault(name, []).append(_value(field.kind, raw))
    else:
        values[name] = _value(field.kind, raw)


def _value(kind: "Scalar | Message", raw: int | bytes) -> Any:
    if isinstance(kind, Message):
        return kind.decode(_bytes(raw))
    if kind is STRING:
        return _bytes(raw).decode(errors="replace")
    if kind is BYTES:
        return _bytes(raw)
    if isinstance(raw, bytes):
        raise Malformed("a number was expected")
    return bool(raw) if kind is BOOL else raw


def _bytes(raw: int | bytes) -> bytes:
    if isinstance(raw, int):
        raise Malformed("bytes were expected")
    return raw


def _packed(kind: "Scalar | Message", data: bytes) -> Iterator[Any]:
    at = 0
    while at < len(data):
        number, at = _read_varint(data, at)
        yield _value(kind, number)


def _parts(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Yield the number, the wire type and the raw value of each field."""
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        wire, raw = tag & 7, 0
        if wire == VARINT:
            raw, at = _read_varint(data, at)
            yield tag >> 3, wire, raw
            continue
        if wire == LENGTH:
            size, at = _read_varint(data, at)
        elif wire in FIXED_SIZES:
            size = FIXED_SIZES[wire]
        else:
            raise Malformed(f"wire type {wire}")
        if at + size > len(data):
            raise Malformed("cut off")
        yield tag >> 3, wire, data[at : at + size]
        at += size


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for index in range(MAX_VARINT_BYTES):
        if at + index >= len(data):
            break
        byte = data[at + index]
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return number, at + index + 1
    raise Malformed("a number is cut off")
