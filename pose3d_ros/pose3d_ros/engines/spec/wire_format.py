"""Protocol Buffers' wire format, as far as ONNX files need it: fields of a message, read and written.

ONNX files are checked before any library reads them, and on robots that lack the package onnx. A length is never more
than what is there, so nothing is allocated that the file does not hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_KINDS = (VARINT, FIXED64, BYTES, FIXED32)
_FIXED = {FIXED64: 8, FIXED32: 4}
_MOST_NUMBER = 1 << 29
_LONGEST_VARINT = 10
_MASK_64 = (1 << 64) - 1


class DamagedMessage(Exception):
    """The bytes are no message."""


class Field(NamedTuple):
    """A field of a message. value: an integer of up to 64 bits, or the bytes of a text, a message or numbers.

    start, end: where it lies in the message, its tag included.
    """

    number: int
    value: int | memoryview
    start: int
    end: int


def fields(message: memoryview) -> Iterator[Field]:
    """A message's fields in order. Raises DamagedMessage."""
    at, size = 0, len(message)
    while at < size:
        start = at
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if not 0 < number < _MOST_NUMBER or kind not in _KINDS:
            raise DamagedMessage
        if kind == VARINT:
            value, at = _varint(message, at)
            yield Field(number, value, start, at)
            continue
        length = _FIXED.get(kind, 0)
        if not length:
            length, at = _varint(message, at)
        if length > size - at:
            raise DamagedMessage
        at += length
        yield Field(number, message[at - length : at], start, at)


def messages(message: memoryview, number: int) -> Iterator[memoryview]:
    """The embedded messages, texts or bytes of a field, in order."""
    for field in fields(message):
        if field.number == number and isinstance(field.value, memoryview):
            yield field.value


def integers(message: memoryview, number: int, most: int = 64) -> list[int]:
    """The signed integers of a repeated field, packed or not; no more than `most` and one."""
    found: list[int] = []
    for field in fields(message):
        if field.number != number:
            continue
        if isinstance(field.value, int):
            found.append(_signed(field.value))
            continue
        at = 0
        while at < len(field.value) and len(found) <= most:
            value, at = _varint(field.value, at)
            found.append(_signed(value))
    return found


def text(value: int | memoryview) -> str:
    """A text, with marks for what is not UTF-8."""
    return "" if isinstance(value, int) else bytes(value).decode("utf-8", "replace")


def encoded(number: int, value: bytes) -> bytes:
    """A field of bytes, or an embedded message."""
    return _encoded_varint(number << 3 | BYTES) + _encoded_varint(len(value)) + value


def _encoded_varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    if at < len(data) and data[at] < 0x80:  # most are this short
        return data[at], at + 1
    value = shift = 0
    for byte in data[at : at + _LONGEST_VARINT]:
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _MASK_64, at
        shift += 7
    raise DamagedMessage


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
