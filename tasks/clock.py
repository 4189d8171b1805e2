"""Times: the wall clock, and the forms in which times are stored, computed with and written down.

Stored times are milliseconds since 1970. Redis' own clock decides in scripts; this one serves what only shows a time.
"""

import re
import time
from datetime import UTC, datetime
from typing import Final

DATE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)?)?", re.ASCII)


def now_ms() -> int:
    """Return the time of this machine's clock in milliseconds since 1970."""
    return int(time.time() * 1000)


def of_redis(answer: tuple[int, int]) -> int:
    """Convert the answer of Redis' TIME, seconds and microseconds, to milliseconds since 1970."""
    seconds, microseconds = answer
    return seconds * 1000 + microseconds // 1000


def to_ms(moment: datetime) -> int:
    """Convert a time to milliseconds since 1970. A time without a zone is UTC."""
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def from_ms(milliseconds: int) -> datetime:
    """Convert milliseconds since 1970 to a time in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def maybe_from_ms(milliseconds: int | None) -> datetime | None:
    """Convert milliseconds since 1970 to a time in UTC; None stays None."""
    return None if milliseconds is None else from_ms(milliseconds)


def read_rfc3339(text: str) -> datetime:
    """Read an RFC 3339 date-time, or a date, which means its midnight. A time without a zone is UTC.

    Raises:
        ValueError: It is neither, or there is no such time.
    """
    if not DATE_TIME.fullmatch(text):
        raise ValueError(f"{text!r} is no date-time")
    moment = datetime.fromisoformat(text.upper())
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def rfc3339(milliseconds: int) -> str:
    """Write milliseconds since 1970 as an RFC 3339 date-time in UTC, such as `2026-11-26T08:30:00.000Z`."""
    return from_ms(milliseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")
