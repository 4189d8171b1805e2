"""What ARQ's client has written of a job."""

from dataclasses import dataclass
from typing import Any, Final

from arq.jobs import DeserializationError, Deserializer, SerializationError, deserialize_job_raw
from arq.utils import ms_to_datetime


@dataclass(frozen=True, slots=True)
class ArqCall:
    """What ARQ's client has written of a job. job_try: the first try's number, if it says so."""

    function: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    job_try: int | None
    enqueued_ms: int


UNKNOWN: Final = "<unknown>"
"""What ARQ's results have as the name of a function that cannot be read."""
NO_CALL: Final = ArqCall(UNKNOWN, (), {}, None, 0)
MAX_NAME_CHARS: Final = 500
"""Longest name of a function: it is part of Redis keys."""


def read_call(body: bytes, deserializer: Deserializer | None) -> ArqCall:
    """Open a body, which may run code of the application.

    Args:
        body: What is in ARQ's key.
        deserializer: The application's; None: pickle.

    Raises:
        SerializationError: It cannot be opened, or is no call.
    """
    try:
        call = ArqCall(*deserialize_job_raw(body, deserializer=deserializer))
    except SerializationError:
        raise
    except BaseException as error:  # such as sys.exit() in the class of an argument
        raise DeserializationError("unable to deserialize job") from error
    if (lack := _lack_of(call)) is not None:
        raise SerializationError(lack) from ValueError(lack)
    return call


def _lack_of(call: ArqCall) -> str | None:
    """What a body lacks that ARQ's client would not have written so; None if nothing."""
    if not (isinstance(call.function, str) and call.function.isprintable() and len(call.function) <= MAX_NAME_CHARS):
        return f"f is not a function's name of at most {MAX_NAME_CHARS} characters"
    if not (isinstance(call.args, list | tuple) and isinstance(call.kwargs, dict)):
        return "a is not a list or tuple, or k is not a dict"
    if not all(isinstance(name, str) for name in call.kwargs):
        return "a name in k is not a string"
    try:
        ms_to_datetime(call.enqueued_ms)
        max(call.job_try or 1, 1)
    except (TypeError, ValueError, OverflowError, OSError):
        return "et or t is not a number"
    return None
