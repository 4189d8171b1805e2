"""Cron expressions in Japanese words. The API says them in English, by the library that reads them."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

DAYS: Final = "日月火水木金土日"
NAMED_DAYS: Final = {name: n for n, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))}
MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
NAMED_MONTHS: Final = {name: n for n, name in enumerate(MONTHS, 1)}
TERM: Final = re.compile(r"(\w+)(?:-(\w+))?")
STEP: Final = re.compile(r"\*/(\d+)")
NTH_DAY: Final = re.compile(r"(\w+?)(?:#([1-5])|(L))")
TIMES_AT_MOST: Final = 6
"""Times of a day that are named one by one."""

Terms = Sequence[tuple[int, int]]
"""First and last number of each term of a field."""


def in_japanese(cron: str, timezone: str) -> str | None:
    """Describe a cron expression, as in `毎週月〜金曜日 6:30 (Europe/Berlin)`.

    Args:
        cron: Five fields in upper case, as the API answers them.
        timezone: Its time zone.

    Returns:
        The words; None for an expression of a rarer form.
    """
    minute, hour, day, month, weekday = cron.split()
    date, time = _date(day, month, weekday), _time(minute, hour)
    if date is None or time is None:
        return None
    words = time if date == "毎日" and _is_repeated(minute, hour) else f"{date} {time}"
    return f"{words} ({timezone})"


def _is_repeated(minute: str, hour: str) -> bool:
    return hour.startswith("*") or minute.startswith("*")


def _date(day: str, month: str, weekday: str) -> str | None:
    months = _terms(month, NAMED_MONTHS)
    if month != "*" and months is None:
        return None
    of_month, of_week = _day_of_month(day, months), _day_of_week(weekday, has_months=months is not None)
    if "*" in (day, weekday):
        found = of_month if weekday == "*" else of_week
    elif day.startswith("*") or weekday.startswith("*"):
        return None  # then both must fit
    else:
        found = None if of_month is None or of_week is None else f"{of_month}、または{of_week}"
    if found is None or months is None:
        return found
    is_one_month = len(months) == 1 and months[0][0] == months[0][1]
    return f"毎年{_joined(months)}月{found}" if is_one_month and found == of_month else f"{_joined(months)}月の{found}"


def _day_of_month(day: str, months: Terms | None) -> str | None:
    every = "" if months else "毎月"
    if day == "*":
        return "毎日"
    if day in ("L", "LW"):
        return every + {"L": "末日", "LW": "最後の平日"}[day]
    days = _terms(day)
    return None if days is None else f"{every}{_joined(days)}日"


def _day_of_week(weekday: str, *, has_months: bool) -> str | None:
    if nth := NTH_DAY.fullmatch(weekday):
        found = _number(nth[1], NAMED_DAYS)
        if found is None or found >= len(DAYS):
            return None
        every = "" if has_months else "毎月"
        return f"{every}{'最後の' if nth[3] else f'第{nth[2]}'}{DAYS[found]}曜日"
    days = _terms(weekday, NAMED_DAYS)
    if days is None or any(last >= len(DAYS) for _, last in days):
        return None
    names = [DAYS[first] if first == last else f"{DAYS[first]}〜{DAYS[last]}" for first, last in days]
    return f"毎週{'・'.join(names)}曜日"


def _time(minute: str, hour: str) -> str | None:
    minutes, hours = _terms(minute), _terms(hour)
    every = "毎分" if minute == "*" else _step(minute, 60, "分ごと")
    if hour == "*":
        return every or (f"毎時{_joined(minutes)}分" if minutes else None)
    if hours is None:
        step = _step(hour, 24, "時間ごと")
        is_once = minutes is not None and len(minutes) == 1 and minutes[0][0] == minutes[0][1]
        return f"0:{minutes[0][0]:02}から{step}" if step and minutes and is_once else None
    if every:
        return f"{_joined(hours)}時台の{every}"
    if minutes is None:
        return None
    singles = [first for first, last in (*hours, *minutes) if first == last]
    if len(singles) == len(hours) + len(minutes) and len(hours) * len(minutes) <= TIMES_AT_MOST:
        return "、".join(f"{one}:{other:02}" for one, _ in hours for other, _ in minutes)
    return f"{_joined(hours)}時台の{_joined(minutes)}分"


def _step(text: str, most: int, unit: str) -> str | None:
    """Every so many; None if it is not a step, or one that begins again before it is whole."""
    step = STEP.fullmatch(text)
    return f"{int(step[1])}{unit}" if step and int(step[1]) and most % int(step[1]) == 0 else None


def _terms(text: str, names: Mapping[str, int] | None = None) -> Terms | None:
    """The terms of a field that has numbers and ranges alone; None for any other."""
    found = []
    for term in text.split(","):
        parts = TERM.fullmatch(term)
        first = _number(parts[1], names or {}) if parts else None
        last = _number(parts[2], names or {}) if parts and parts[2] else first
        if first is None or last is None:
            return None
        found.append((first, last))
    return found


def _number(text: str, names: Mapping[str, int]) -> int | None:
    return int(text) if text.isdecimal() else names.get(text)


def _joined(terms: Terms) -> str:
    return "・".join(str(first) if first == last else f"{first}〜{last}" for first, last in terms)
