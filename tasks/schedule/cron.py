"""Cron expressions: when one is due, by the local time of its time zone.

Five fields as in Debian's cron, and also `L`, `LW` and `#`, names in any case, ranges past the end (`FRI-MON`, `22-6`)
and `@daily` and its kin. When clocks change, an expression with a fixed minute and
hour is due once: at the first of two equal local times, and at the end of a gap that contains its time. An expression
whose minute or hour begins with `*` is due at regular intervals of elapsed time.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from cronsim.cronsim import SYMBOLIC_DAYS, SYMBOLIC_MONTHS

from tasks.clock import now_ms
from tasks.refusal import Refusal
from tasks.validation import shown

MAX_CHARS: Final = 200
"""Longest cron expression, in characters."""
FIELDS: Final = 5
"""Minute, hour, day, month, weekday: no expression is due more than once a minute."""
ALIASES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
RANGE: Final = re.compile(r"(\w+)-(\w+)(?:/([1-9]\d*))?")
BOUNDS: Final[tuple[tuple[int, int, Mapping[str, int]], ...]] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, {name: number for number, name in enumerate(SYMBOLIC_MONTHS, 1)}),
    (0, 6, {**{name: number for number, name in enumerate(SYMBOLIC_DAYS)}, "7": 0}),
)
"""Of each field the least and the greatest number, and the names of some."""
MINUTE_MS: Final = 60_000
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


def canonical(cron: str) -> str:
    """Write a cron expression with five fields in upper case, and without ranges that go past the end.

    Args:
        cron: The expression as a user writes it.

    Raises:
        Refusal: `invalid_cron` for one that is too long, or for an unknown `@` word; its fields are not read yet.
    """
    words = cron.upper().split()
    if len(words) == 1 and words[0].startswith("@"):
        if text := ALIASES.get(words[0].lower()):
            return text
        message = f"cron: {cron.strip()[:MAX_CHARS]!r} is unknown. Use five fields or one of {', '.join(ALIASES)}."
        raise Refusal("invalid_cron", message, field="cron")
    if len(cron) > MAX_CHARS or len(words) != FIELDS:
        raise _shapeless()
    return " ".join(
        ",".join(_unwrapped(term, *bounds) for term in field.split(","))
        for field, bounds in zip(words, BOUNDS, strict=True)
    )


def _unwrapped(term: str, least: int, greatest: int, names: Mapping[str, int]) -> str:
    """A range whose end is before its start, as two ranges or as the numbers that its step leaves; else the term."""
    parts = RANGE.fullmatch(term)
    if parts is None or (parts[1].isdecimal() and parts[2].isdecimal() and int(parts[1]) <= int(parts[2])):
        return term
    start, end = (names.get(part, int(part) if part.isdecimal() else -1) for part in parts.groups()[:2])
    if not least <= end < start <= greatest:
        # The library knows no range that begins with a Sunday called 7.
        return f"{start}-{end}{'/' + parts[3] if parts[3] else ''}" if parts[1] == "7" and start == least else term
    if parts[3] is None:
        return f"{start}-{greatest},{least}-{end}"
    wrapped = [*range(start, greatest + 1), *range(least, end + 1)]
    return ",".join(map(str, wrapped[:: int(parts[3])]))


def canonical_zone(timezone: str) -> str:
    """Return the IANA name of a time zone as it is written, whatever the case of the letters given.

    Raises:
        Refusal: `unknown_timezone`.
    """
    try:
        return zone_of(timezone).key
    except Refusal:
        if (name := _zones().get(timezone.lower())) is None:
            raise
        return name


@cache
def _zones() -> dict[str, str]:
    names = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return {name.lower(): name for name in names}


def check_cron(cron: str) -> None:
    """Check an expression, whatever its time zone.

    Args:
        cron: The expression as a user writes it.

    Raises:
        Refusal: `invalid_cron`.
    """
    next_due(canonical(cron), "UTC", now_ms())


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


def due_times(cron: str, timezone: str, after_ms: int, count: int) -> list[int]:
    """The next times at which a cron expression is due, in milliseconds since 1970.

    Args:
        cron: The expression.
        timezone: IANA name of its time zone.
        after_ms: Milliseconds since 1970.
        count: How many.

    Raises:
        Refusal: `invalid_cron`, `unknown_timezone`.
    """
    found: list[int] = []
    for _ in range(count):
        found.append(next_due(cron, timezone, found[-1] if found else after_ms))
    return found


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
    if next_ms <= now_ms:
        run_ms, next_ms = _last_due(cron, timezone, next_ms, now_ms)
    return DueTimes(run_ms, run_ms != due_ms, next_ms)


def _last_due(cron: str, timezone: str, due_ms: int, now_ms: int) -> tuple[int, int]:
    """The last due time that has passed, and the next. By bisection: a day of minutes has 1,440 of them, and each costs
    a tenth of a millisecond.

    Args:
        cron: The expression.
        timezone: Its time zone.
        due_ms: A due time that has passed.
        now_ms: Milliseconds since 1970.
    """
    latest_ms = now_ms
    while latest_ms - due_ms > MINUTE_MS:
        middle_ms = (due_ms + latest_ms) // 2
        found_ms = next_due(cron, timezone, middle_ms)
        if found_ms <= now_ms:
            due_ms = found_ms
        else:
            latest_ms = middle_ms
    while (next_ms := next_due(cron, timezone, due_ms)) <= now_ms:
        due_ms = next_ms
    return due_ms, next_ms


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
        message = f"timezone: {shown(timezone)} is no known time zone. Use an IANA name such as Europe/Berlin."
        raise Refusal("unknown_timezone", message, field="timezone") from error


def _parsed(cron: str, start: datetime) -> CronSim:
    if len(cron.split()) != FIELDS:
        raise _shapeless()
    try:
        return CronSim(cron, start)
    except CronSimError as error:
        raise Refusal("invalid_cron", f"cron: {str(error).lower()} in {cron!r}.", field="cron") from error


def _shapeless() -> Refusal:
    message = (
        f"cron: The expression must have minute, hour, day, month and weekday, as in '30 6 * * MON-FRI', in at most "
        f"{MAX_CHARS} characters; or be one of {', '.join(ALIASES)}."
    )
    return Refusal("invalid_cron", message, field="cron")


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
