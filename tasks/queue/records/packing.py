"""Packed records: an ended job's record in a third of the memory.

Redis stores a hash whose values have at most 64 bytes in one piece of memory; any other takes 50 to 70 bytes more for
each field. So what scripts and older versions do not ask of an ended job is compressed, and divided into fields of 63
characters named 0, 1, …. They are Base64, since an older version decodes every field as text.
"""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

Fields = Mapping[bytes, bytes]

PLAIN: Final = frozenset(
    b"state kind queue owner name priority created_at due_at expires_at keep keep_ms awaited code".split()
)
"""Fields that stay as they are: lists and the cleanup ask for them, and older versions refuse a record without them."""
TALLY: Final = b"tally:"
DROPPED: Final = frozenset({b"score"})
"""Fields that are written again if the job runs again."""
STAND_INS: Final[Fields] = {b"params": b"{}"}
"""What older versions find in place of a field that they refuse to be without."""
FIRST: Final = b"0"
"""The first piece: a record that has it is packed."""
PIECE_CHARS: Final = 63
"""Redis notes a length of up to 63 in one byte."""
MOST_PIECES: Final = 200
"""A record that would need more stays as it is: Redis keeps at most 512 names and values in one piece of memory, and
reads through all of them."""
_PIECE_NAMES: Final = [b"%d" % number for number in range(MOST_PIECES)]
FORMAT: Final = b"1"
"""The first character of the first piece: how the rest was made. Whatever changes it, such as another dictionary,
takes another character, and the old one stays readable."""
SEPARATOR: Final = b"\xff"
"""Between names and values; no text in UTF-8 has this byte."""


def _sample(*names_and_values: str) -> bytes:
    return b"".join(SEPARATOR + one.encode() for one in names_and_values)


DICTIONARY: Final = b"".join(
    (
        b'"code": "message": "field": "unsupported_format" "timed_out" "failed" "cancelled" "retrying" "lapsed" ',
        b'"handed_back" "error": {"code": "',
        _sample("after", '["', "batch", "", "error", '{"code": "failed", "message": "', "jobs", '["', "notify"),
        _sample('{"url": "https://', "schedule", "", "schedule_due_at", "17", "total", "", "tracestate", ""),
        _sample("traceparent", "00-"),
        # a delivery
        _sample("event", "", "lane", "endpoint:", "params", '{"event":"","endpoint":""}'),
        _sample("shelves", "/delivery */delivery endpoint/"),
        # an event
        _sample("lane", "owner:", "params", '{"type":"","data":{}}'),
        _sample("progress", '{"done": 1, "total": 1, "note": "deliveries"}'),
        _sample("request_id", "", "result", '{"deliveries": 1}', "shelves", "/event */event", "started_at", "17"),
        # a report
        _sample("files", '[{"name": "report.pdf", "blob": "", "type": "application/pdf", "bytes": , "about": {'),
        b'"pages": 1}}]',
        _sample("lane", "owner:", "params", '{"order":{"blob":"","bytes":},"title":"","formats":["pdf"]}'),
        _sample(
            "progress", '{"done": 1, "total": 1, "note": "pages"}', "result", '{"pages": 1, "rows": 1, "warnings": []}'
        ),
        _sample("shelves", "/report */report"),
        # a picture, and what all have
        b'{"name": "medium.webp", "blob": "", "type": "image/webp", ',
        _sample("address", "https://", "attempt", "1", "attempt:1", '{"number": 1, "worker": "", "started_at": 17'),
        b', "ended_at": 17, "outcome": "succeeded", "about": {"url": "https://", "status": 200, "address": "", ',
        b'"timing": {"dns": 1.2, "connect": 3.4, "wait": 4.5, "read": 0.1, "total": 6.7}, "answer": ""}}',
        _sample("blobs", "", "files", '[{"name": "small.jpg", "blob": "", "type": "image/jpeg", "bytes": , "about": {'),
        b'"width": 256, "height": 256}}]',
        _sample("lane", "owner:", "params", '{"upload":{"blob":"","bytes":},"variants":[{"name":"small",'),
        b'"width":256,"height":256,"fit":"contain","format":"auto","background":"#ffffff","enlarge":false},{"name":"medium"',
        b',"width":512,"height":512,"fit":"cover","format":"webp","quality":80,"background":"#ffffff","enlarge":false}]}',
        _sample("progress", '{"done": 1, "total": 1, "note": "small"}', "request_id", ""),
        _sample("shelves", "/thumbnail */thumbnail", "started_at", "17", "worker", ""),
    )
)
"""Text that records have in common; what comes last is the cheapest to refer to. It must never change: without it
packed records cannot be read."""


@dataclass(frozen=True, slots=True)
class PackedFields:
    """What becomes of a hash. dropped: fields that go. pieces: the values of 0, 1, …. stand_ins: fields that come."""

    dropped: list[bytes]
    pieces: list[bytes]
    stand_ins: Fields


def pack(fields: Fields) -> PackedFields | None:
    """Compress the hash of an ended job's record; None if it is packed already, too long for it, or no text."""
    if FIRST in fields:
        return None
    name = fields.get(b"name", b"")
    packed = {key: value for key, value in fields.items() if not _stays(key)}
    stand_ins = {**STAND_INS}
    if len(name) > PIECE_CHARS:
        # Lists search by how a name begins.
        packed[b"name"] = name
        stand_ins[b"name"] = name[:PIECE_CHARS].decode(errors="ignore").encode()
    parts = [part for pair in sorted(packed.items()) for part in pair]
    if any(SEPARATOR in part for part in parts):
        return None
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)
    body = compressor.compress(b"".join(SEPARATOR + part for part in parts)) + compressor.flush()
    text = FORMAT + base64.b64encode(body).rstrip(b"=")
    pieces = [text[start : start + PIECE_CHARS] for start in range(0, len(text), PIECE_CHARS)]
    if len(pieces) > MOST_PIECES:
        return None
    return PackedFields(sorted({*packed, *DROPPED}), pieces, stand_ins)


def unpack(fields: Fields) -> Fields:
    """The hash as it was before `pack`; any other hash as it is. What a later version has packed in another way is left
    out, as it is by versions that know of no packing."""
    if not is_packed(fields):
        return fields
    names = pieces_of(fields)
    text = b"".join(fields[name] for name in names)
    body = base64.b64decode(text[1:] + b"=" * (-len(text[1:]) % 4))
    decompressor = zlib.decompressobj(-zlib.MAX_WBITS, zdict=DICTIONARY)
    parts = decompressor.decompress(body).split(SEPARATOR)[1:]
    packed = dict(zip(parts[::2], parts[1::2], strict=True))
    return {**{name: value for name, value in fields.items() if name not in names}, **packed}


def is_packed(fields: Fields) -> bool:
    """Whether the hash is packed in a way that this version can read."""
    return fields.get(FIRST, b"").startswith(FORMAT)


def pieces_of(fields: Fields) -> list[bytes]:
    """The names of the pieces that a hash has, in order."""
    return list(takewhile(fields.__contains__, _PIECE_NAMES))


def _stays(name: bytes) -> bool:
    return name in PLAIN or name in DROPPED or name.startswith(TALLY)
