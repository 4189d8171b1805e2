"""Cron lines: when one is due, by the clock on the wall of its time zone.

Five fields, as Debian's cron reads them, and `L`, `LW`, `#` beside. On nights on which the clock is changed a line that
names minute and hour is due once: at the first of two equal times, and at the end of a gap if its time falls into it. A
line whose minute or hour begins with `*` goes by the time that passes.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from tasks.refusal import Refusal

MAX_CHARS: Final = 200
"""Of a line; longer ones say nothing that a shorter does not."""
FIELDS: Final = 5
"""Minute, hour, day, month, weekday: no line is due more than once a minute."""
MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Look:
    """What a schedule's due time has come to. Milliseconds since 1970; run_ms: the due time that runs now, or None;
    missed: whether one, or several, since the first that was due do not run any more; next_ms: the next due time."""

    run_ms: int | None
    missed: bool
    next_ms: int


def next_due(cron: str, timezone: str, after_ms: int) -> int:
    """The first time after `after_ms` at which a line is due; both milliseconds since 1970.

    Raises: Refusal `invalid_cron`, `unknown_timezone`.
    """
    zone = zone_of(timezone)
    after = datetime.fromtimestamp(after_ms / 1000, UTC)
    moving = any(field.startswith("*") for field in cron.split()[:2])
    # If the clock is put back within a day, times that have passed already come again.
    start = min(_wall(after, zone), _wall(after + DAY, zone) - DAY)
    soonest: datetime | None = None
    # The library is asked for times on the wall alone: left to deal with a zone whose clock is changed by half an
    # hour, as on Lord Howe, it passes over due times.
    for wall in _parsed(cron, start):
        instants = _instants(wall, zone, moving=moving)
        soonest = min((one for one in (soonest, *instants) if one is not None and one > after), default=None)
        if soonest is not None and instants and instants[0] > after:
            return round(soonest.timestamp() * 1000)
    raise Refusal("invalid_cron", f"cron: {cron!r} is never due. Correct the day and month.", field="cron")


def catch_up(cron: str, timezone: str, *, due_ms: int, now_ms: int, late_ms: int) -> Look:
    """What is to be done now, at or after `due_ms`: of all times that have passed the newest runs, once, unless it is
    more than `late_ms` ago.

    Raises: Refusal `invalid_cron`, `unknown_timezone`.
    """
    oldest_ms = now_ms - late_ms
    run_ms = due_ms if due_ms >= oldest_ms else None
    next_ms = next_due(cron, timezone, max(due_ms, oldest_ms - 1))
    while next_ms <= now_ms:
        run_ms, next_ms = next_ms, next_due(cron, timezone, next_ms)
    return Look(run_ms, run_ms != due_ms, next_ms)


def in_words(cron: str, timezone: str) -> str:
    """A line for people, as in `At 03:17 every day (UTC)`. Raises: Refusal `invalid_cron`."""
    return f"{_parsed(cron, datetime(2000, 1, 1)).explain()} ({timezone})"  # noqa: DTZ001 - of no zone


def zone_of(timezone: str) -> ZoneInfo:
    """Raises: Refusal `unknown_timezone`."""
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: a folder's name, or one too long
        message = "timezone: The time zone is unknown. Use an IANA name such as Europe/Berlin."
        raise Refusal("unknown_timezone", message, field="timezone") from error


def _parsed(cron: str, start: datetime) -> CronSim:
    if len(cron) > MAX_CHARS or len(cron.split()) != FIELDS:
        message = "cron: The expression must have minute, hour, day, month and weekday, as in '30 6 * * MON-FRI'."
        raise Refusal("invalid_cron", message, field="cron")
    try:
        return CronSim(cron, start)
    except CronSimError as error:
        raise Refusal("invalid_cron", f"cron: {str(error).lower()} in {cron!r}.", field="cron") from error


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _instants(wall: datetime, zone: ZoneInfo, *, moving: bool) -> list[datetime]:
    """When the clock on the wall shows this; of a line that does not move, when that is due: once in any case."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if moving:
        return sorted({first, second}) if _wall(first, zone) == wall else []
    while _wall(first, zone) != wall:
        wall += MINUTE
        first = wall.replace(tzinfo=zone).astimezone(UTC)
    return [first]
