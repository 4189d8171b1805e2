"""Log lines: one event a line, JSON for machines, text for a terminal. No arguments of jobs, no secrets.

A job has a line at its end (`job.succeeded`, `job.failed`, `job.retrying`, `job.cancelled`, `job.handed_back`), and one
at its start, `job.started`, at level debug: a worker ends twenty thousand small jobs a second, and a second line for
each costs more than it tells. Whatever is logged while a job or a request is worked on carries its ids.

Of an exception a line has the classes and the frames. Its text may quote what a user sent; of a job the record has it.
"""

import json
import re
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Final

import structlog
from structlog.typing import EventDict, Processor

from tasks.settings import Settings

FRAME: Final = re.compile(r'^ *File "(.+)", line (\d+), in (.+)$', re.MULTILINE)
"""A line of a traceback, as the sandbox passes one on in the text of its exception."""

_encode = json.JSONEncoder(separators=(",", ":"), default=repr).encode


def configure(settings: Settings) -> None:
    """Once per process, before the first line."""
    text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *(as_text() if text else (as_json,))],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


# One step instead of structlog's four: every job has its line, and this is most of what the line costs.
def as_json(_logger: object, level: str, event: EventDict) -> str:
    """The line as JSON: when (UTC), how urgent, what happened, and what is known of it."""
    error = _error_of(event.pop("exc_info", None))
    if error is not None:
        event["exception"] = "\n".join(frames(error))
    return _encode({"timestamp": _now(), "level": level, "event": event.pop("event"), **event})


def as_text() -> tuple[Processor, ...]:
    """For people: aligned, with colours where the terminal has them."""
    return (
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_frames,
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
    )


def frames(error: BaseException) -> Iterator[str]:
    """An exception without its text: class, where it was raised (the last call last), and what it came of."""
    yield f"{type(error).__module__}.{type(error).__qualname__}"
    for frame in traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False):
        yield f"  {frame.filename}:{frame.lineno} in {frame.name}"
    for place, line, name in FRAME.findall(str(error)):
        yield f"  {place}:{line} in {name}"
    for one in getattr(error, "exceptions", ()):  # of a group
        yield from frames(one)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from frames(cause)


def _with_frames(_logger: object, _level: str, event: EventDict) -> EventDict:
    error = _error_of(event.pop("exc_info", None))
    if error is not None:
        event["exception"] = "\n".join(frames(error))
    return event


def _error_of(exc_info: object) -> BaseException | None:
    """What structlog means: an exception, a triple of `sys.exc_info()`, or true for the one being handled."""
    if isinstance(exc_info, BaseException):
        return exc_info
    found = exc_info[1] if isinstance(exc_info, tuple) else sys.exc_info()[1] if exc_info else None
    return found if isinstance(found, BaseException) else None


def _now() -> str:
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest // 1_000_000:03d}Z"
