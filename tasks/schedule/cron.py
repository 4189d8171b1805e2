"""Cron expressions: when one is due, by the local time of its time zone.

Five fields as in Debian's cron, and also `L`, `LW` and `#`. When clocks change, an expression with a fixed minute and
hour is due once: at the first of two equal local times, and at the end of a gap that contains its time. An expression
whose minute or hour begins with `*` is due at regular intervals of elapsed time.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from tasks.refusal import Refusal

MAX_CHARS: Final = 200
"""Longest cron expression, in characters."""
FIELDS: Final = 5
"""Minute, hour, day, month, weekday: no expression is due more than once a minute."""
MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DueTimes:
    """Which due times of a schedule run now, are missed, or follow. Times are milliseconds since 1970.

    Args:
        run_ms: The due time that runs now, or None.
        missed: Whether at least one due time has passed that will not run.
        next_ms: The next due time.
    """

    run_ms: int | None
    missed: bool
    next_ms: int


def next_due(cron: str, timezone: str, after_ms: int) -> int:
    """Find the first time after another at which a cron expression is due.

    Args:
        cron: The expression.
        timezone: IANA name of its time zone.
        after_ms: Milliseconds since 1970.

    Returns:
        Milliseconds since 1970.

    Raises:
        Refusal: `invalid_cron`, `unknown_timezone`.
    """
    zone = zone_of(timezone)
    after = datetime.fromtimestamp(after_ms / 1000, UTC)
    moving = any(field.startswith("*") for field in cron.split()[:2])
    # If clocks go back within the next day, local times that have passed come again.
    start = min(_local(after, zone), _local(after + DAY, zone) - DAY)
    soonest: datetime | None = None
    # The library is given local times only: in a zone whose clocks change by half an hour, such as Lord Howe, it would
    # skip due times.
    for local in _parsed(cron, start):
        instants = _instants(local, zone, moving=moving)
        soonest = min((one for one in (soonest, *instants) if one is not None and one > after), default=None)
        if soonest is not None and instants and instants[0] > after:
            return round(soonest.timestamp() * 1000)
    raise Refusal("invalid_cron", f"cron: {cron!r} is never due. Correct the day and month.", field="cron")


def catch_up(cron: str, timezone: str, *, due_ms: int, now_ms: int, late_ms: int) -> DueTimes:
    """Decide which due time runs now: the latest that has passed, unless it is too late for it.

    Args:
        cron: The expression.
        timezone: IANA name of its time zone.
        due_ms: The first due time that has not been handled, in milliseconds since 1970.
        now_ms: Milliseconds since 1970, `due_ms` or later.
        late_ms: How late a run may start, in milliseconds.

    Raises:
        Refusal: `invalid_cron`, `unknown_timezone`.
    """
    oldest_ms = now_ms - late_ms
    run_ms = due_ms if due_ms >= oldest_ms else None
    next_ms = next_due(cron, timezone, max(due_ms, oldest_ms - 1))
    while next_ms <= now_ms:
        run_ms, next_ms = next_ms, next_due(cron, timezone, next_ms)
    return DueTimes(run_ms, run_ms != due_ms, next_ms)


def in_words(cron: str, timezone: str) -> str:
    """Describe a cron expression for people, as in `At 03:17 every day (UTC)`.

    Raises:
        Refusal: `invalid_cron`.
    """
    return f"{_parsed(cron, datetime(2000, 1, 1)).explain()} ({timezone})"  # noqa: DTZ001 - a local time


def zone_of(timezone: str) -> ZoneInfo:
    """Look up a time zone by its IANA name.

    Raises:
        Refusal: `unknown_timezone`.
    """
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


def _local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _instants(local: datetime, zone: ZoneInfo, *, moving: bool) -> list[datetime]:
    """The instants of a local time. For a fixed time (not `moving`) it is the one instant at which it is due."""
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if moving:
        return sorted({first, second}) if _local(first, zone) == local else []
    while _local(first, zone) != local:
        local += MINUTE
        first = local.replace(tzinfo=zone).astimezone(UTC)
    return [first]
