"""Jobs that another program put into ARQ's keys: reading their bodies, and saying what is wrong with one."""

import json
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import msgpack

from tasks.refusal import Refusal

UNREADABLE: Final = "unreadable"
"""The kind of a foreign job that cannot run. Its params say why: a client that waits for it gets an answer."""
PICKLE: Final = b"\x80"
"""How a pickle begins. In msgpack it would be an empty map, which is no job."""
MAX_SHOWN_CHARS: Final = 80


@dataclass(frozen=True, slots=True)
class ForeignJob:
    """What is known of one. params: JSON. name: of the function, where the kind does not say it."""

    kind: str
    params: str
    name: str | None = None


def read_foreign_job(body: bytes | None) -> ForeignJob:
    """The job that `enqueue_job(kind, **params)` or `enqueue_job(kind, {params})` has written.

    Args:
        body: ARQ's body; None if it is gone.
    """
    if body is None:
        reason = (
            "The job's data was gone before a worker could take it: its time to live (ARQ's `_expires`) was over. "
            "Enqueue it again, with a later time."
        )
        return _unreadable("expired", reason)
    if body.startswith(PICKLE):
        reason = (
            "The job was serialized with pickle, which is not opened: a pickle can run any code. Give ArqRedis "
            "`job_serializer=serialize` and `job_deserializer=deserialize` of `tasks.queue.wire`."
        )
        return _unreadable("unreadable_job", reason)
    try:
        job = msgpack.unpackb(body)
        function, args, params = str(job["f"]), list(job["a"]), dict(job["k"])
    except (ValueError, KeyError, TypeError, msgpack.UnpackException):
        return _unreadable("unreadable_job", "The job is not msgpack as `tasks.queue.wire` writes it.")
    for arg in args:
        if not isinstance(arg, dict):
            reason = (
                f"The function {_shown(function)} has the positional argument {_shown(arg)}. Arguments need names: "
                "enqueue_job(kind, name=value), or one dict of them."
            )
            return _unreadable("unreadable_job", reason, function)
        params |= arg
    for name, value in params.items():
        if (problem := _problem(name, value)) is not None:
            reason = f"The function {_shown(function)} has the argument {_shown(name)}, {problem}."
            return _unreadable("unreadable_job", reason, function)
    return ForeignJob(function, json.dumps(params))


def refusal_of(params: str) -> Refusal:
    """The refusal of a job whose kind is UNREADABLE, by its params."""
    try:
        problem = json.loads(params)
        return Refusal(problem["code"], problem["reason"])
    except (ValueError, KeyError, TypeError):  # adopted by a version before this one
        return Refusal("unreadable_job", "The job cannot be read; it may have been serialized with pickle.")


def _unreadable(code: str, reason: str, function: str | None = None) -> ForeignJob:
    name = None if function is None else _shown(function).strip("'")
    return ForeignJob(UNREADABLE, json.dumps({"code": code, "reason": reason}), name)


def _problem(name: object, value: Any) -> str | None:
    """Why JSON cannot hold an argument; None if it can."""
    if not isinstance(name, str):
        return "whose name is not text"
    if isinstance(value, msgpack.Timestamp | date):
        return "a date, which JSON cannot hold: send it as text, such as 2026-11-27T12:00:00Z"
    if isinstance(value, bytes):
        return "which is bytes, which JSON cannot hold: send it as text, such as Base64"
    try:
        json.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        return f"a {type(value).__name__} with something in it that JSON cannot hold, such as a date or bytes"
    return None


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= MAX_SHOWN_CHARS else text[: MAX_SHOWN_CHARS - 1] + "…"
