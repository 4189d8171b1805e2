"""The wire format: msgpack frames between worker and child, fixed records between worker and zygote.

A request is `[function, args, seconds, memory_mb]`. An answer is `["value", value]`,
`["refusal", code, message, field, limit]`, `["disk_full", text]` or `["error", traceback]`. Before it the child may
send `["memory", memory_mb]`, which asks for so many megabytes in all, and wait for any frame. A child that dies sends
no answer; the zygote then reports its exit status.
"""

import struct
from typing import Any, BinaryIO, Final

import msgpack

from tasks.refusal import CODES

# For paths and small values; anything larger is written to a file.
FRAME_LIMIT_BYTES: Final = 4 * 1024 * 1024
HEADER: Final = struct.Struct("<I")

# Zygote records: verb, child's number, exit status.
RECORD: Final = struct.Struct("<cIi")
FORK, KILL, GIVE_WAY = b"F", b"K", b"G"  # to the zygote; FORK carries the child's socket and progress file
# From the zygote: READY, whose status has the parts of the isolation that this system lacks as bits; FORKED, whose
# status is WITH_DESCRIPTOR if it carries the child's process descriptor, else 0; EXITED.
READY, FORKED, EXITED = b"R", b"P", b"X"
WITH_DESCRIPTOR: Final = 1


def encode(value: Any) -> bytes:
    """Encode a value as one frame.

    Raises:
        ValueError: The frame would be larger than FRAME_LIMIT_BYTES.
        TypeError, OverflowError: msgpack cannot represent the value.
    """
    body: bytes = msgpack.packb(value)
    if len(body) > FRAME_LIMIT_BYTES:
        raise ValueError(
            f"{len(body)} bytes are too many to cross (limit {FRAME_LIMIT_BYTES}); write a file and send its path"
        )
    return HEADER.pack(len(body)) + body


def read(stream: BinaryIO) -> Any:
    """Read the next frame, waiting for it.

    Returns:
        The decoded value.

    Raises:
        EOFError: The other side has closed the stream.
    """
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        raise EOFError
    (length,) = HEADER.unpack(header)
    body = stream.read(length)
    if len(body) < length:
        raise EOFError
    return msgpack.unpackb(body)


def is_answer(value: Any) -> bool:
    """Tell whether a decoded frame is a valid answer of a child."""
    match value:
        case ["value", _] | ["error" | "disk_full", str()]:
            return True
        case ["memory", int(memory_mb)]:
            return memory_mb > 0
        case ["refusal", str(code), str(), None | str(), None | int() | float()]:
            return code in CODES
        case _:
            return False


class Inbox:
    """Collects received bytes into frames. The bytes are untrusted: hostile input may control the child."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes) -> Any:
        """Add received bytes.

        Returns:
            The value of the frame that `data` completes, or None.

        Raises:
            ValueError: The frame is too long, or it is not msgpack.
        """
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
