"""Dates and times that a CLDR pattern describes, read from text."""

import re
from datetime import datetime
from typing import Final

from babel import Locale
from babel.dates import tokenize_pattern

from tasks.refusal import Refusal

_PIVOT: Final = 69
"""Two digits of a year from here on are of the twentieth century, as POSIX has it."""
_FIELDS: Final = {
    "y": ("year", r"[0-9]{4}"),
    "M": ("month", r"[0-9]{1,2}"),
    "d": ("day", r"[0-9]{1,2}"),
    "H": ("hour", r"[0-9]{1,2}"),
    "h": ("hour12", r"[0-9]{1,2}"),
    "m": ("minute", r"[0-9]{1,2}"),
    "s": ("second", r"[0-9]{1,2}"),
    "S": ("fraction", r"[0-9]{1,6}"),
    "a": ("half", ""),
    "E": ("weekday", r"[^\W\d_]+\.?"),
}
_FIELD: Final = "date_format"
_LEAST_OF_A_DATE: Final = {"year", "month", "day"}


class DateReader:
    """Reads dates by one pattern.

    Args:
        pattern: A Unicode CLDR pattern, such as `dd.MM.yyyy`.
        locale: The language of names of months.

    Raises:
        Refusal: `invalid_format`.
    """

    def __init__(self, pattern: str, locale: Locale) -> None:
        self._months: dict[str, int] = {}
        self._halves: dict[str, int] = {}
        parts: list[str] = []
        fields: list[str] = []
        try:
            tokens = tokenize_pattern(pattern)
        except ValueError as error:
            raise _invalid() from error
        for kind, value in tokens:
            if kind == "chars":
                parts.append(r"\s*".join(map(re.escape, str(value).split())) if str(value).strip() else "")
                parts[-1] = rf"\s*{parts[-1]}\s*"
                continue
            letter, count = str(value[0]), int(value[1])
            name, form = self._field("M" if letter == "L" else letter, count, locale)
            if name in fields:
                raise _invalid()
            fields.append(name)
            parts.append(f"(?P<{name}>{form})")
        if not set(fields) >= _LEAST_OF_A_DATE or ("hour12" in fields) != ("half" in fields):
            raise _invalid()
        self._pattern = re.compile("".join(parts), re.IGNORECASE)

    def read(self, text: str) -> datetime:
        """The date-time of a text, which is of no zone. Raises: ValueError."""
        found = self._pattern.fullmatch(text.strip())
        if found is None:
            raise ValueError("another form")
        said = found.groupdict()
        year = int(said["year"])
        if len(said["year"]) == 2:
            year += 1900 if year >= _PIVOT else 2000
        month = int(said["month"]) if said["month"].isdigit() else self._months[_folded(said["month"])]
        hour = int(said.get("hour") or 0)
        if "hour12" in said:
            hour = int(said["hour12"])
            if not 1 <= hour <= 12:
                raise ValueError("no hour of the clock")
            hour = hour % 12 + 12 * self._halves[_folded(said["half"])]
        microsecond = int((said.get("fraction") or "0").ljust(6, "0"))
        return datetime(  # noqa: DTZ001 - the pattern names no zone
            year, month, int(said["day"]), hour, int(said.get("minute") or 0), int(said.get("second") or 0), microsecond
        )

    def _field(self, letter: str, count: int, locale: Locale) -> tuple[str, str]:
        if letter not in _FIELDS:
            raise _invalid()
        name, form = _FIELDS[letter]
        if letter == "y":
            return name, "[0-9]{2}" if count == 2 else form
        if letter == "M" and count >= 3:
            for context in ("format", "stand-alone"):
                for width in ("wide", "abbreviated"):
                    names = locale.months[context][width]
                    self._months.update({_folded(text): number for number, text in names.items()})
            return name, r"[^\W\d_]+\.?"
        if letter == "a":
            for one in (locale, Locale.parse("en")):
                names = one.day_periods["format"]["abbreviated"]
                self._halves.update({_folded(names[half]): number for number, half in enumerate(("am", "pm"))})
            return name, r"[^\W\d_]\.?\s?[^\W\d_]+\.?"
        return name, form


def suggested_format(text: str) -> str:
    """A pattern for a text that looks like a date; empty if it looks like none that is common."""
    if re.match(r"\s*\d{1,2}\.\d{1,2}\.\d{2,4}", text):
        return "dd.MM.yyyy"
    if re.match(r"\s*\d{1,2}/\d{1,2}/\d{2,4}", text):
        return "MM/dd/yyyy' or 'dd/MM/yyyy"
    if re.match(r"\s*\d{4}/\d{1,2}/\d{1,2}", text):
        return "yyyy/MM/dd"
    if re.match(r"\s*\d{1,2}[- ][^\W\d_]+[- ]\d{4}", text):
        return "d MMM yyyy"
    return ""


def _folded(text: str) -> str:
    return re.sub(r"[.\s\u202f]", "", text).casefold()


def _invalid() -> Refusal:
    message = (
        "The date format is not valid. Use a Unicode CLDR pattern with year, month and day, such as dd.MM.yyyy, "
        "M/d/yy or d MMM yyyy HH:mm; with h for hours it needs a for am and pm."
    )
    return Refusal("invalid_format", message, field=_FIELD)
