"""Log lines: one event a line, JSON for machines, text for a terminal. No arguments of jobs, no secrets.

A job has a line at its end (`job.succeeded`, `job.failed`, `job.retrying`, `job.cancelled`, `job.handed_back`), and at
level debug one at its start (`job.started`): a worker ends up to twenty thousand small jobs a second, so a second line
for each would cost too much. Every line that is written during a job or a request has its ids.

An exception is logged as its classes and frames, without its text, which may quote user data. A job's record has it.
"""

import json
import logging
import re
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor

from tasks.settings import Settings
from tasks.telemetry.error_text import text_of_error

FRAME: Final = re.compile(r'^ *File "(.+)", line (\d+), in (.+)$', re.MULTILINE)
"""A line of a traceback, as the sandbox includes it in the text of its exception."""

_encode = json.JSONEncoder(separators=(",", ":"), default=repr).encode


def configure(settings: Settings) -> None:
    """Configure structlog. Called once per process, before the first line."""
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *_rendering(text=_is_text(settings))],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def server_logging(settings: Settings) -> dict[str, Any]:
    """How `logging.config` lets the web server, and libraries that use Python's logging, write lines of the same form.

    Args:
        settings: The settings of the process.
    """
    own = {"()": LibraryHandler, "text": _is_text(settings)}
    level = settings.log_level.upper()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"own": own},
        "root": {"handlers": ["own"], "level": "ERROR" if level == "ERROR" else "WARNING"},
        "loggers": {"uvicorn": {"handlers": ["own"], "level": level, "propagate": False}},
    }


class LibraryHandler(logging.Handler):
    """Writes a record of Python's logging as a line `library.log`, with the library's text as its message.

    Args:
        text: For a terminal, not JSON.
    """

    def __init__(self, *, text: bool) -> None:
        super().__init__()
        self._rendering = _rendering(text=text)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            facts = {"event": "library.log", "logger": record.name, "message": record.getMessage()}
            line: Any = {**facts, "exc_info": record.exc_info} if record.exc_info else facts
            for render in self._rendering:
                line = render(None, record.levelname.lower(), line)
            sys.stderr.write(f"{line}\n")
        except Exception:  # a line that cannot be written must not end what it is about
            self.handleError(record)


def _is_text(settings: Settings) -> bool:
    return settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())


def _rendering(*, text: bool) -> tuple[Processor, ...]:
    return as_text() if text else (as_json,)


# One processor instead of structlog's four: every job has a line, and processors are most of its cost.
def as_json(_logger: object, level: str, event: EventDict) -> str:
    """Render a line as JSON: timestamp (UTC), level, event, and the event's fields."""
    error = _error_of(event.pop("exc_info", None))
    if error is not None:
        event["exception"] = "\n".join(frames(error))
    return _encode({"timestamp": _now(), "level": level, "event": event.pop("event"), **event})


def as_text() -> tuple[Processor, ...]:
    """Processors for a terminal: aligned columns, with colours where it has them."""
    return (
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_frames,
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
    )


def frames(error: BaseException) -> Iterator[str]:
    """An exception without its text: its class, its frames (the innermost last), and the same of its cause."""
    yield f"{type(error).__module__}.{type(error).__qualname__}"
    for frame in traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False):
        yield f"  {frame.filename}:{frame.lineno} in {frame.name}"
    for place, line, name in FRAME.findall(text_of_error(error)):
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
    """The exception of structlog's `exc_info`: itself, a triple of `sys.exc_info()`, or true for the current one."""
    if isinstance(exc_info, BaseException):
        return exc_info
    found = exc_info[1] if isinstance(exc_info, tuple) else sys.exc_info()[1] if exc_info else None
    return found if isinstance(found, BaseException) else None


def _now() -> str:
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest // 1_000_000:03d}Z"
