"""What compression cannot make smaller in a record: hashes, ids, times and counts.

A hash in hex is random: compressed it keeps its 32 bytes at best, and takes more where other text stands around it.
`fold` puts such values as bytes beside the text, with a mark in the place of each. What is left is the same in most
records of a kind, so that the dictionary has long pieces of it.
"""

import re
from typing import Final

SEPARATOR: Final = b"\xff"
"""Between names and values."""
_TIME: Final = b"\xfe"
"""Milliseconds since 1970, as the distance from another time."""
_NUMBER: Final = b"\xfd"
_SHA256: Final = b"\xfc"
"""Hex of 32 bytes."""
_ID: Final = b"\xfb"
"""Hex of 16 bytes."""
_HEX: Final = b"\xfa"
"""Hex of as many bytes as the next one says."""
_AGAIN: Final = b"\xf9"
"""Hex that was there before; the byte says which."""
MARKS: Final = re.compile(rb"[\xf9-\xfe]")
"""No text in UTF-8 has these bytes, nor SEPARATOR."""
_BYTES_OF_MARK: Final = {_SHA256: 32, _ID: 16}
_MARK_OF_BYTES: Final = {count: mark for mark, count in _BYTES_OF_MARK.items()}
_WORDS: Final = re.compile(rb"(?=[0-9a-f]{2})(?:(?<!\.)\b([1-9][0-9]{1,17})\b|[0-9a-f]{8}(?:[0-9a-f]{2}){0,251})")
"""A number of 2 to 18 digits that stands alone, or else hex of 4 to 255 bytes. What comes first makes it fast."""
_TIME_DIGITS: Final = 13
_MOST_AGAIN: Final = 256
_MORE: Final = 0x80
"""The bit that says that a number goes on in the next byte."""

_LOW_BITS: Final = bytes(byte & 0x7F for byte in range(256))
_HIGH_BIT: Final = bytes(byte >> 7 for byte in range(256))
_BIT_AS_HIGH: Final = [bytes((byte >> place & 1) << 7 for byte in range(256)) for place in range(7)]


def fold(text: bytes, since: int) -> tuple[bytes, bytes]:
    """Take numbers and hex out of a text.

    Args:
        text: With none of MARKS.
        since: From when times are counted, in milliseconds since 1970.

    Returns:
        The text with marks, and the bytes of what was there, in order.
    """
    data, seen = bytearray(), dict[bytes, int]()

    def mark(found: re.Match[bytes]) -> bytes:
        word = found[0]
        if found[1]:
            if len(word) == _TIME_DIGITS:
                distance = int(word) - since
                data.extend(_number(2 * distance if distance >= 0 else -2 * distance - 1))
                return _TIME
            data.extend(_number(int(word)))
            return _NUMBER
        if word in seen:
            data.append(seen[word])
            return _AGAIN
        if len(seen) < _MOST_AGAIN:
            seen[word] = len(seen)
        raw = bytes.fromhex(word.decode())
        if len(raw) not in _MARK_OF_BYTES:
            data.append(len(raw))
        data.extend(raw)
        return _MARK_OF_BYTES.get(len(raw), _HEX)

    return _WORDS.sub(mark, text), bytes(data)


def unfold(text: bytes, data: bytes, since: int) -> bytes:
    """Return the text that `fold` was given.

    Args:
        text: With marks.
        data: The bytes of what was there.
        since: From when times are counted, in milliseconds since 1970.
    """
    seen, at = list[bytes](), 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & ~_MORE) << shift
            shift += 7
            if byte < _MORE:
                return value

    def word(found: re.Match[bytes]) -> bytes:
        nonlocal at
        mark = found[0]
        if mark == _NUMBER:
            return b"%d" % number()
        if mark == _TIME:
            value = number()
            return b"%d" % (since + (value >> 1 ^ -(value & 1)))
        if mark == _AGAIN:
            at += 1
            return seen[data[at - 1]]
        if mark == _HEX:
            at += 1
        count = _BYTES_OF_MARK.get(mark) or data[at - 1]
        at += count
        seen.append(data[at - count : at].hex().encode())
        return seen[-1]

    return MARKS.sub(word, text)


def _number(value: int) -> bytes:
    """Seven bits in each byte, the lowest first."""
    found = bytearray()
    while value >= _MORE:
        found.append(value & ~_MORE & 0xFF | _MORE)
        value >>= 7
    found.append(value)
    return bytes(found)


def to_ascii(data: bytes) -> bytes:
    """Write bytes as characters of ASCII, seven bits in each: older versions decode every field as text. The highest
    bits of seven bytes are a character at the end."""
    high, count = data.translate(_HIGH_BIT), -(-len(data) // 7)
    bits = 0
    for place in range(7):
        bits |= int.from_bytes(high[place::7].ljust(count, b"\0")) << place
    return data.translate(_LOW_BITS) + bits.to_bytes(count)


def from_ascii(text: bytes) -> bytes:
    """Return what `to_ascii` was given."""
    length = 7 * len(text) // 8
    bits = text[length:]
    high = bytearray(7 * len(bits))
    for place in range(7):
        high[place::7] = bits.translate(_BIT_AS_HIGH[place])
    return (int.from_bytes(high[:length]) | int.from_bytes(text[:length])).to_bytes(length)
