"""Dates and times of spreadsheets: numbers of days, shown by a format."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from babel import Locale, UnknownLocaleError

from tasks.report.data.workbooks.format_codes import FormatSection, Token
from tasks.report.formats.numbers import EXACT

_DAY_S: Final = 86_400
_LEAP_BUG: Final = 60
"""Spreadsheets count a 29 February 1900."""
_LAST_DAY: Final = 2_958_465
"""31 December 9999."""
_BUDDHIST_YEARS: Final = 543


class SheetMoment(NamedTuple):
    """A moment as a sheet has it; it may be 29 February 1900, or the day before 1 January 1900. second: with parts."""

    year: int
    month: int
    day: int
    weekday: int
    hour: int
    minute: int
    second: Decimal


def iso_of(days: float, *, starts_1904: bool) -> str | None:
    """A date-time, a date, or a time within the first day in ISO 8601. None if there is no such day."""
    milliseconds = round(days * _DAY_S * 1000)
    year, month, day = (1904, 1, 1) if starts_1904 else (1899, 12, 30 if days >= _LEAP_BUG else 31)
    try:
        moment = datetime(year, month, day) + timedelta(milliseconds=milliseconds)  # noqa: DTZ001 - of no zone
    except OverflowError:
        return None
    if days < 0:
        return None
    if days < 1 and not starts_1904:
        return moment.time().isoformat()
    return moment.isoformat() if milliseconds % (_DAY_S * 1000) else moment.date().isoformat()


def show_date(section: FormatSection, days: Decimal, locale: Locale, *, starts_1904: bool) -> str | None:
    """A number of days as a part of a format shows it. None if there is no such day."""
    tokens = section.tokens
    places = max((_places_after(tokens, index) for index in range(len(tokens))), default=0)
    seconds = (days * _DAY_S).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, EXACT)
    elapsed = any(token.kind == "elapsed" for token in tokens)
    moment = _moment(abs(seconds) if elapsed else seconds, starts_1904=starts_1904)
    if moment is None:
        return None
    names = _names_locale(section, locale)
    halves = any(token.kind == "half" for token in tokens)
    parts: list[str] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        if token.kind == "elapsed":
            parts.append(_elapsed(token.text.lower(), abs(seconds)))
        elif token.kind == "half":
            parts.append(_half(token.text, moment.hour))
        elif token.kind == "date":
            text = token.text.lower()
            if text[0] == "m" and len(text) <= 2 and _is_minute(tokens, index):
                parts.append(f"{moment.minute:0{len(text)}d}")
            else:
                parts.append(_field(text, moment, names, halves))
        elif count := _places_after(tokens, index):
            parts.append(f"{moment.second % 1:.{count}f}"[1:])
            index += count
        else:
            parts.append(token.text)
        index += 1
    return f"{'-' * (elapsed and days < 0)}{''.join(parts)}".strip()


def _moment(seconds: Decimal, *, starts_1904: bool) -> SheetMoment | None:
    days, second = divmod(seconds, _DAY_S)
    if not 0 <= days <= _LAST_DAY:
        return None
    number = int(days) + (1462 if starts_1904 else 0)
    minutes, second = divmod(second, 60)
    hour, minute = divmod(int(minutes), 60)
    if number == _LEAP_BUG:
        return SheetMoment(1900, 2, 29, 2, hour, minute, second)
    if number == 0:
        return SheetMoment(1900, 1, 0, 5, hour, minute, second)
    try:
        day = date(1899, 12, 31 if number < _LEAP_BUG else 30) + timedelta(days=number)
    except OverflowError:
        return None
    weekday = day.weekday() if number > _LEAP_BUG else (day.weekday() - 1) % 7
    return SheetMoment(day.year, day.month, day.day, weekday, hour, minute, second)


def _places_after(tokens: Sequence[Token], index: int) -> int:
    """How many digits of a second stand after the point at `index`; 0 if no point of seconds is there."""
    if tokens[index] != Token("char", ".") or index == 0:
        return 0
    before = tokens[index - 1]
    if before.kind not in ("date", "elapsed") or before.text[0] not in "sS":
        return 0
    count = 0
    while index + count + 1 < len(tokens) and tokens[index + count + 1] == Token("digit", "0"):
        count += 1
    return min(count, 9)


def _is_minute(tokens: Sequence[Token], index: int) -> bool:
    """Whether an m stands between hours and seconds, or after or before one of them."""
    fields = [n for n, token in enumerate(tokens) if token.kind in ("date", "elapsed")]
    place = fields.index(index)
    before = tokens[fields[place - 1]].text[0] if place else ""
    after = tokens[fields[place + 1]].text[0] if place + 1 < len(fields) else ""
    return before in ("h", "H") or after in ("s", "S")


def _elapsed(field: str, seconds: Decimal) -> str:
    unit = {"h": 3600, "m": 60, "s": 1}[field[0]]
    return f"{int(seconds // unit):0{len(field)}d}"


def _half(form: str, hour: int) -> str:
    words = form.split("/")
    return words[hour >= 12]


def _field(field: str, moment: SheetMoment, names: Locale, halves: bool) -> str:
    count, two = len(field), min(len(field), 2)
    short_year = field[0] == "y" and count <= 2
    hour = (moment.hour % 12 or 12) if halves else moment.hour
    return {
        "y": f"{moment.year % 100:02d}" if short_year else f"{moment.year:04d}",
        "e": f"{moment.year:04d}",
        "b": str(moment.year + _BUDDHIST_YEARS),
        "m": _month(moment.month, count, names),
        "d": _day(moment, count, names),
        "h": f"{hour:0{two}d}",
        "s": f"{int(moment.second):0{two}d}",
    }.get(field[0], "")


def _day(moment: SheetMoment, count: int, names: Locale) -> str:
    if count <= 2:
        return f"{moment.day:0{count}d}"
    return str(names.days["format"]["abbreviated" if count == 3 else "wide"][moment.weekday])


def _month(month: int, count: int, names: Locale) -> str:
    if count <= 2:
        return f"{month:0{count}d}"
    width = {3: "abbreviated", 4: "wide"}.get(count)
    name = str(names.months["stand-alone"][width or "wide"][month])
    return name if width else name[:1]


def _names_locale(section: FormatSection, locale: Locale) -> Locale:
    if section.language:
        try:
            return Locale.parse(section.language)
        except (UnknownLocaleError, ValueError):
            pass
    return locale
