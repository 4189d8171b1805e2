"""What goes through ARQ's keys: msgpack, never pickle. Give these two functions to `ArqRedis` and `Job` to speak with
our queues."""

import asyncio
from typing import Any

import msgpack

CANCELLED = "cancelled"


class JobFailed(Exception):  # noqa: N818 - it reports an outcome
    """What `arq.jobs.Job.result()` raises for a job that failed: the record's error, as `code` and `message`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


def serialize(data: dict[str, Any]) -> bytes:
    """ARQ's dict of a job or of a result as msgpack. An exception as result becomes [code, message]."""
    result = data.get("r")
    if isinstance(result, BaseException):
        code = CANCELLED if isinstance(result, asyncio.CancelledError) else getattr(result, "code", "failed")
        data = {**data, "r": [code, getattr(result, "message", None) or str(result) or type(result).__name__]}
    packed: bytes = msgpack.packb(data)
    return packed


def deserialize(body: bytes) -> dict[str, Any]:
    """The reverse. A result that did not succeed comes back as an exception, as `Job.result()` and `Job.abort()`
    expect; but for ARQ's own sentence about a result that it could not serialize."""
    data: dict[str, Any] = msgpack.unpackb(body)
    if data.get("s") is False and isinstance(data["r"], list):
        code, message = data["r"]
        data["r"] = asyncio.CancelledError(message) if code == CANCELLED else JobFailed(code, message)
    return data
