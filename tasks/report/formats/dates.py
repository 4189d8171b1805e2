"""Dates and times as CLDR patterns say, compiled once per column.

What depends on the day alone is written by Babel once per day, hours, minutes and seconds once each, the rest for each
value anew: the words are Babel's own, without its 20 µs for every value.
"""

from calendar import monthrange
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import DateTimeFormat, parse_pattern, tokenize_pattern

from tasks.refusal import Refusal

NAMED: Final = ("short", "medium", "long")
MAX_PATTERN_CHARS: Final = 60
MAX_DAYS_KEPT: Final = 20_000

_OF_THE_DAY: Final = frozenset("GyYuQqMLwWdDFEec")
_OF_THE_HOUR: Final = frozenset("aHhKk")
_OF_THE_ZONE: Final = frozenset("zZOvVxX")
PERIODS: Final = {"month": "yMMMM", "quarter": "yQQQ", "year": "y"}
"""The periods that dates are grouped by, and CLDR's skeletons for their names."""
_ANY_YEAR: Final = 2024
"""Stands for the year where a pattern has none: it has a February 29, and begins on a Monday."""

# ("chars", text) and ("field", (letter, count)), as Babel's tokenizer makes them
Token = tuple[str, str | tuple[str, int]]


class _WrittenDays(dict[date, str]):
    """Day -> the pattern's text of that day, with a %s for each part that depends on the time.

    complete: there is no such part.
    """

    def __init__(self, tokens: Sequence[Token], locale: Locale) -> None:
        self._tokens = tokens
        self._locale = locale
        self.complete = not any(map(_late, tokens))

    def __missing__(self, day: date) -> str:
        if len(self) >= MAX_DAYS_KEPT:
            self.clear()
        words = DateTimeFormat(day, self._locale)
        try:
            text = "".join(
                "%s"
                if _late(token)
                else words[_name(token)].replace("%", "%%")
                if token[0] == "field"
                else _chars(token)
                for token in self._tokens
            )
        except (ValueError, OverflowError):  # weeks of the first and the last year reach beyond the calendar
            text = day.isoformat() + " %s" * sum(map(_late, self._tokens))
        self[day] = text = text % () if self.complete else text
        return text


class DateFormat:
    """Writes dates, or date-times, by one pattern. tokens: its parts, for who says the same to another program."""

    def __init__(self, tokens: Sequence[Token], locale: Locale) -> None:
        self.tokens = tokens
        self._letters = {str(token[1][0]) for token in tokens if token[0] == "field"}
        self._days = _WrittenDays(tokens, locale)
        self._times = [_of_time(_name(token), locale) for token in tokens if _late(token)]

    def __call__(self, value: date) -> str:
        """One value, written. A date-time is written in its own zone."""
        if not isinstance(value, datetime):
            return self._days[value]
        day = self._days[value.date()]
        return day if self._days.complete else day % tuple([part(value) for part in self._times])

    def period(self, value: date) -> date:
        """The first day, or the first moment, that is written as `value` is: the first of the month where the pattern
        has a month and a year. The year is a fixed one where the pattern has none."""
        has = self._letters.intersection
        year = value.year if has("yYuUG") else _ANY_YEAR
        month = value.month if has("MLdDgFEecwW") else 3 * ((value.month - 1) // 3) + 1 if has("Qq") else 1
        day = value.day if has("dDgFEecwW") else 1
        start = value.replace(year=year, month=month, day=min(day, monthrange(year, month)[1]))
        if has("wW") and not has("dDgFEec"):
            start -= timedelta(days=start.weekday())
        elif has("Eec") and not has("dDgFMLyYuUG"):
            start = start.replace(month=1, day=1 + value.weekday())
        if not isinstance(start, datetime):
            return start
        return start.replace(
            hour=start.hour if has("HhKkaAms") else 0,
            minute=start.minute if has("mA") else 0,
            second=start.second if has("sA") else 0,
            microsecond=0,
        )

    def all(self, values: Sequence[date]) -> list[str]:
        """Many dates, or many date-times, written."""
        if values and not isinstance(values[0], datetime):
            return list(map(self._days.__getitem__, values))
        return list(map(self, values))


def date_format(pattern: str | None, locale: Locale, *, field: str | None = None) -> DateFormat:
    """The format of dates for a CLDR pattern, or `short`, `medium` (also None), `long`.

    Raises: Refusal `invalid_format` naming `field`.
    """
    name = pattern or "medium"
    return _compile(locale.date_formats[name].pattern if name in NAMED else name, date(2026, 11, 20), locale, field)


def period_format(period: str, locale: Locale) -> DateFormat:
    """How the locale writes one of the `PERIODS`: January 2026, Q1 2026, 2026."""
    return _compile(locale.datetime_skeletons[PERIODS[period]].pattern, date(2026, 11, 20), locale, None)


def datetime_format(
    pattern: str | None, locale: Locale, *, zone: ZoneInfo | None = None, field: str | None = None
) -> DateFormat:
    """The format of date-times; without a pattern a medium date and a short time. zone: where they will be.

    Raises: Refusal `invalid_format` naming `field`.
    """
    sample = datetime(2026, 11, 20, 13, 45, 6, tzinfo=zone or UTC)
    if pattern is not None and pattern not in NAMED:
        return _compile(pattern, sample, locale, field)
    name = pattern or "medium"
    day = locale.date_formats[name].pattern
    hour = locale.time_formats[pattern or "short"].pattern
    joint = locale.datetime_formats[name].replace("'", "")  # as Babel does
    tokens: list[Token] = []
    for part in joint.replace("{", "\0{").replace("}", "}\0").split("\0"):
        tokens += tokenize_pattern(day if part == "{1}" else hour) if part in ("{0}", "{1}") else [("chars", part)]
    return DateFormat(tokens, locale)


def _compile(pattern: str, sample: date, locale: Locale, field: str | None) -> DateFormat:
    try:
        return _checked(pattern, sample, locale)
    except (ValueError, KeyError, AttributeError, TypeError, NotImplementedError) as error:  # as Babel has it
        message = "The date pattern is not valid. Use a Unicode CLDR pattern such as d MMM y, or short, medium or long."
        raise Refusal("invalid_format", message, field=field) from error


def _checked(pattern: str, sample: date, locale: Locale) -> DateFormat:
    parse_pattern(pattern)
    tokens = tokenize_pattern(pattern)
    says_something = any(token[0] == "field" for token in tokens)
    sayable = isinstance(sample, datetime) or not any(map(_late, tokens))  # a date has no time
    if not (says_something and sayable) or len(pattern) > MAX_PATTERN_CHARS or "\n" in pattern:
        raise ValueError(pattern)
    made = DateFormat(tokens, locale)
    made(sample)
    if isinstance(sample, datetime):
        for hour in range(24):  # some locales have words for some hours only
            made(sample.replace(hour=hour, minute=0, second=0))
    return made


def _name(token: Token) -> str:
    letter, count = token[1][0], token[1][1]
    return str(letter) * int(count)


def _chars(token: Token) -> str:
    return str(token[1]).replace("%", "%%")


def _late(token: Token) -> bool:
    return token[0] == "field" and token[1][0] not in _OF_THE_DAY


def _of_time(name: str, locale: Locale) -> Callable[[datetime], str]:
    """Writes one field that depends on the time of day."""
    letter = name[0]
    if letter in _OF_THE_HOUR:
        hours = [DateTimeFormat(time(hour), locale)[name] for hour in range(24)]
        return lambda value: hours[value.hour]
    if letter in "ms":
        sixty = [DateTimeFormat(time(0, number, number), locale)[name] for number in range(60)]
        return (lambda value: sixty[value.minute]) if letter == "m" else (lambda value: sixty[value.second])
    if letter in _OF_THE_ZONE:
        zones: dict[object, str] = {}

        def zone(value: datetime) -> str:
            key = (value.utcoffset(), value.dst())
            if key not in zones:
                zones[key] = _said(DateTimeFormat(value, locale)[name])
            return zones[key]

        return zone
    return lambda value: _said(DateTimeFormat(value, locale)[name])


def _said(text: str | None) -> str:
    if text is None:
        raise ValueError("Babel has no words for this field")
    return text
