"""Packed records: an ended job's record in a third of the memory.

Redis stores a hash whose values have at most 64 bytes in one piece of memory; any other takes 50 to 70 bytes more for
each field. So what scripts and older versions do not ask of an ended job is compressed, and divided into fields of 63
characters named 0, 1, …. They are ASCII, since an older version decodes every field as text.
"""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from tasks.queue.records.dictionaries import FIRST_DICTIONARY, SECOND_DICTIONARY
from tasks.queue.records.folding import MARKS, SEPARATOR, fold, from_ascii, to_ascii, unfold

Fields = Mapping[bytes, bytes]

PLAIN: Final = frozenset(
    b"state kind queue owner name priority created_at due_at expires_at keep keep_ms awaited code unique".split()
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
FORMS: Final = (b"1", b"2")
"""The first character of the first piece says how the rest was made. Whatever changes it, such as another dictionary,
takes another character, and the old ones stay readable. Form 2 (`folding`) takes up to a third less than form 1."""
NEWEST: Final = len(FORMS)


@dataclass(frozen=True, slots=True)
class PackedFields:
    """What becomes of a hash. dropped: fields that go. pieces: the values of 0, 1, …. stand_ins: fields that come."""

    dropped: list[bytes]
    pieces: list[bytes]
    stand_ins: Fields


def pack(fields: Fields, form: int = NEWEST) -> PackedFields | None:
    """Compress the hash of an ended job's record; None if it is packed already, too long for it, or no text.

    Args:
        fields: The hash.
        form: The newest form that all who read it know.
    """
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
    whole = b"".join(SEPARATOR + part for part in parts)
    if whole.count(SEPARATOR) > len(parts) or MARKS.search(whole):
        return None
    text = _compressed(whole, form, _since(fields))
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
    parts = _decompressed(b"".join(fields[name] for name in names), _since(fields)).split(SEPARATOR)[1:]
    packed = dict(zip(parts[::2], parts[1::2], strict=True))
    return {**{name: value for name, value in fields.items() if name not in names}, **packed}


def is_packed(fields: Fields) -> bool:
    """Whether the hash is packed in a way that this version can read."""
    return fields.get(FIRST, b"").startswith(FORMS)


def pieces_of(fields: Fields) -> list[bytes]:
    """The names of the pieces that a hash has, in order."""
    return list(takewhile(fields.__contains__, _PIECE_NAMES))


def _stays(name: bytes) -> bool:
    return name in PLAIN or name in DROPPED or name.startswith(TALLY)


def _since(fields: Fields) -> int:
    return int(fields.get(b"created_at", 0))


def _compressed(text: bytes, form: int, since: int) -> bytes:
    """What is divided into pieces."""
    data = b""
    if form > 1:
        text, data = fold(text, since)
    dictionary = SECOND_DICTIONARY if form > 1 else FIRST_DICTIONARY
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zlib.Z_DEFAULT_STRATEGY, dictionary)
    body = compressor.compress(text) + compressor.flush() + data
    return FORMS[form - 1] + (to_ascii(body) if form > 1 else base64.b64encode(body).rstrip(b"="))


def _decompressed(text: bytes, since: int) -> bytes:
    """Return what `_compressed` was given."""
    folded, text = not text.startswith(FORMS[0]), text[1:]
    body = from_ascii(text) if folded else base64.b64decode(text + b"=" * (-len(text) % 4))
    decompressor = zlib.decompressobj(-zlib.MAX_WBITS, zdict=SECOND_DICTIONARY if folded else FIRST_DICTIONARY)
    whole = decompressor.decompress(body)
    return unfold(whole, decompressor.unused_data, since) if folded else whole
