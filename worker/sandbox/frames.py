"""The wire: msgpack frames between the worker and a child, fixed records between the worker and the zygote.

A request is `[function, args, seconds]`. An answer is `["value", value]`, `["refusal", code, message, field, limit]` or
`["error", traceback]`. A child that dies gives none: its exit status, which the zygote tells, is the answer.
"""

import struct
from typing import Any, BinaryIO, Final

import msgpack

from tasks.refusal import CODES

# Paths and small values cross; whoever has more to say writes a file.
FRAME_LIMIT_BYTES: Final = 4 * 1024 * 1024
HEADER: Final = struct.Struct("<I")

# Zygote records: verb, child's number, exit status.
RECORD: Final = struct.Struct("<cIi")
FORK, KILL = b"F", b"K"  # to the zygote; FORK carries the child's socket and progress file
READY, EXITED = b"R", b"X"  # from the zygote


def encode(value: Any) -> bytes:
    """One frame. Raises ValueError over FRAME_LIMIT_BYTES, TypeError or OverflowError for what msgpack cannot say."""
    body: bytes = msgpack.packb(value)
    if len(body) > FRAME_LIMIT_BYTES:
        raise ValueError(
            f"{len(body)} bytes are too many to cross (limit {FRAME_LIMIT_BYTES}); write a file and send its path"
        )
    return HEADER.pack(len(body)) + body


def read(stream: BinaryIO) -> Any:
    """The next frame's value, waiting for it. Raises EOFError when the other side is gone."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        raise EOFError
    (length,) = HEADER.unpack(header)
    body = stream.read(length)
    if len(body) < length:
        raise EOFError
    return msgpack.unpackb(body)


def is_answer(value: Any) -> bool:
    """Whether a child may say this to the worker."""
    match value:
        case ["value", _] | ["error", str()]:
            return True
        case ["refusal", str(code), str(), None | str(), None | int() | float()]:
            return code in CODES
        case _:
            return False


class Inbox:
    """Collects bytes, as they come in, into frames. Trusts nobody: a file that a child read may have taken it over."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes) -> Any:
        """The value of the frame that `data` completes, else None. ValueError if it is too long or no msgpack."""
        self._received += data
        if len(self._received) < HEADER.size:
            return None
        (length,) = HEADER.unpack_from(self._received)
        if length > FRAME_LIMIT_BYTES:
            raise ValueError(f"A frame of {length} bytes is over the limit of {FRAME_LIMIT_BYTES}")
        end = HEADER.size + length
        if len(self._received) < end:
            return None
        value = msgpack.unpackb(memoryview(self._received)[HEADER.size : end])
        del self._received[:end]
        return value
