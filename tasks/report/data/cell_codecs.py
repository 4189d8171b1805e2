"""Text to typed values and back, a column at a time. A type is what the spec says."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

from tasks.refusal import Refusal
from tasks.report.data.cells.written_dates import DateReader, suggested_format
from tasks.report.data.cells.written_numbers import MISSING, NotANumber, NumberReader
from tasks.report.data.sorting import Collation
from tasks.report.data.source import ISO_FORMS, WrittenForms
from tasks.report.formats.cleaning import clean_all, quoted
from tasks.report.formats.columns import ReportLocale
from tasks.report.formats.numbers import EXACT
from tasks.report.spec.structs import ColumnSpec

Place = Callable[[int], str]
Warn = Callable[[str, str], None]

MAX_WHOLE_DIGITS: Final = 30
MAX_FRACTION_DIGITS: Final = 40
MAX_DAYS_KEPT: Final = 20_000

_PLAIN: Final = b"0123456789.-\n"
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_MAX_NUMBER_CHARS: Final = 100
_BOOLEANS: Final[dict[str, bool | None]] = {
    "": None, "true": True, "false": False, "yes": True, "no": False, "1": True, "0": False,
    "TRUE": True, "FALSE": False,
}  # fmt: skip


class CellCodec:
    """The cells of one column. place: the column in the spec, such as `columns.2`; a refusal names it."""

    expected = ""

    def __init__(self, field: str, place: str, forms: WrittenForms = ISO_FORMS) -> None:
        self._field = field
        self._place = place
        self._nulls = frozenset(map(str.strip, forms.nulls))

    def read(self, texts: Sequence[str], place: Place) -> tuple[list[Any], bool]:
        """The values, None for empty cells, and whether there are such.

        place: where a row stands. Raises: Refusal `invalid_cell`.
        """
        holes = "" in texts
        try:
            return self._fast(texts, holes), holes
        except (ValueError, InvalidOperation, KeyError, OverflowError):
            values = [self._careful(text, index, place) for index, text in enumerate(texts)]
            return values, None in values

    def pack(self, values: Sequence[Any]) -> list[str]:
        """The values as text that `unpack` reads: digits with a point, ISO 8601, true and false; "" for none."""
        return ["" if value is None else str(value) for value in values]

    def unpack(self, texts: Sequence[str]) -> list[Any]:
        """The values of those that are not empty."""
        raise NotImplementedError

    def sort_keys(self, values: Sequence[Any]) -> list[Any]:
        """For each value what to sort by: numbers, or bytes for text; None for empty cells."""
        return list(values)

    def _fast(self, texts: Sequence[str], holes: bool) -> list[Any]:
        """All values, or any error if one of them needs a closer look."""
        raise NotImplementedError

    def _slow(self, text: str) -> Any:
        """One value of a text that is not empty. Raises: ValueError and its like."""
        raise NotImplementedError

    def _careful(self, text: str, index: int, place: Place) -> Any:
        text = text.strip()
        if not text or text in self._nulls:
            return None
        try:
            return self._slow(text)
        except (ValueError, InvalidOperation, KeyError, OverflowError) as error:
            message = f"{place(index)}, column {quoted(self._field)}: {quoted(text)} is {self.expected}."
            cure = self._cure(text, error)
            raise Refusal("invalid_cell", f"{message} {cure}." if cure else message, field=self._place) from error

    def _cure(self, text: str, error: Exception) -> str:
        """What would help with a text that is no value of the column, as a sentence without a full stop."""
        if isinstance(error, NotANumber) and error.cure:
            return error.cure
        return f"Set 'nulls' to {text!r} if that means an empty cell" if text.lower() in MISSING else ""


class TextCodec(CellCodec):
    """Text as it is, made fit for a page. An empty cell is "", and no hole."""

    def __init__(self, field: str, place: str, max_chars: int) -> None:
        super().__init__(field, place)
        self._max_chars = max_chars
        self._collation = Collation()
        self.clipped = 0

    def read(self, texts: Sequence[str], place: Place) -> tuple[list[Any], bool]:  # noqa: ARG002
        texts = clean_all(list(texts))
        if max(map(len, texts), default=0) > self._max_chars:
            self.clipped += sum(len(text) > self._max_chars for text in texts)
            texts = [text[: self._max_chars] for text in texts]
        return texts, False

    def pack(self, values: Sequence[Any]) -> list[str]:
        return list(values)

    def unpack(self, texts: Sequence[str]) -> list[Any]:
        return [text for text in texts if text]

    def sort_keys(self, values: Sequence[Any]) -> list[Any]:
        return [self._collation[text] if text else None for text in values]


class NumberCodec(CellCodec):
    """Decimals: digits with a point, a sign and an exponent if need be. They keep every digit."""

    expected = (
        "no number; write digits with a point, such as -1234.50 "
        f"(at most {MAX_WHOLE_DIGITS} digits before it and {MAX_FRACTION_DIGITS} after)"
    )
    _kind: Callable[[str], Any] = Decimal

    def __init__(
        self, field: str, place: str, forms: WrittenForms = ISO_FORMS, reader: NumberReader | None = None
    ) -> None:
        super().__init__(field, place, forms)
        self._has_point = forms.decimal == "."
        self._reader = reader or NumberReader(forms)

    def _fast(self, texts: Sequence[str], holes: bool) -> list[Any]:
        joined = "\n".join(texts)
        if joined.encode("ascii").translate(None, _PLAIN) or joined.count("\n") >= len(texts):
            raise ValueError("something else than digits")
        if max(map(len, texts)) > MAX_WHOLE_DIGITS or not (self._has_point or "." not in joined):
            raise ValueError("long, or with a point between thousands")
        kind = self._kind
        return [kind(text) if text else None for text in texts] if holes else list(map(kind, texts))

    def _slow(self, text: str) -> Any:
        if len(text) > _MAX_NUMBER_CHARS:
            raise ValueError("no number")
        value = Decimal(text) if self._has_point and _NUMBER.fullmatch(text) else self._reader.read(text)
        if not value:
            return Decimal(0)
        if value.adjusted() >= MAX_WHOLE_DIGITS or value.as_tuple().exponent < -MAX_FRACTION_DIGITS:  # type: ignore[operator]
            raise ValueError("out of range")
        return value if value.as_tuple().exponent <= 0 else value.quantize(Decimal(1), context=EXACT)  # type: ignore[operator]

    def pack(self, values: Sequence[Any]) -> list[str]:
        return ["" if value is None else f"{value:f}" for value in values]

    def unpack(self, texts: Sequence[str]) -> list[Any]:
        return [Decimal(text) for text in texts if text]

    def sort_keys(self, values: Sequence[Any]) -> list[Any]:
        return [None if value is None else int(value.scaleb(MAX_FRACTION_DIGITS, EXACT)) for value in values]


class IntegerCodec(NumberCodec):
    """Whole numbers; 12.0 is one, 12.5 is not."""

    expected = f"no whole number; write digits, such as -1234 (at most {MAX_WHOLE_DIGITS})"
    _kind = int

    def _slow(self, text: str) -> Any:
        value = super()._slow(text)
        if value != value.to_integral_value():
            raise ValueError("a fraction")
        return int(value)

    def pack(self, values: Sequence[Any]) -> list[str]:
        return ["" if value is None else str(value) for value in values]

    def unpack(self, texts: Sequence[str]) -> list[Any]:
        return [int(text) for text in texts if text]

    def sort_keys(self, values: Sequence[Any]) -> list[Any]:
        return list(values)


class BooleanCodec(CellCodec):
    """true and false, yes and no, 1 and 0."""

    expected = "neither true nor false; write one of these, or yes, no, 1, 0"

    def _fast(self, texts: Sequence[str], holes: bool) -> list[Any]:  # noqa: ARG002
        return list(map(_BOOLEANS.__getitem__, texts))

    def _slow(self, text: str) -> Any:
        return _BOOLEANS[text.lower()]

    def pack(self, values: Sequence[Any]) -> list[str]:
        return ["" if value is None else "true" if value else "false" for value in values]

    def unpack(self, texts: Sequence[str]) -> list[Any]:
        return [_BOOLEANS[text] for text in texts if text]


class _DateCache(dict[str, "date | None"]):
    def __init__(self, read: Callable[[str], date]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str) -> date | None:
        if len(self) >= MAX_DAYS_KEPT:
            self.clear()
        day = self[text] = self._read(text) if text else None
        return day


class _TimeCodec(CellCodec):
    """What dates and date-times have in common: the document's zone, and how the file writes them."""

    def __init__(
        self,
        field: str,
        place: str,
        zone: ZoneInfo,
        forms: WrittenForms = ISO_FORMS,
        dates: DateReader | None = None,
    ) -> None:
        super().__init__(field, place, forms)
        self._zone = zone
        self._dates = dates


class DateCodec(_TimeCodec):
    """ISO 8601 dates. Of a date-time it is the day, in the document's zone if it says where it holds."""

    expected = "no date; write it as 2026-11-30"

    @cached_property
    def _days(self) -> _DateCache:
        return _DateCache(self._slow if self._dates else date.fromisoformat)

    def _fast(self, texts: Sequence[str], holes: bool) -> list[Any]:  # noqa: ARG002
        return list(map(self._days.__getitem__, texts))

    def _slow(self, text: str) -> Any:
        if self._dates:
            with suppress(ValueError, KeyError):
                return self._dates.read(text).date()
        if len(text) <= len("2026-11-30"):
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
        return (moment.astimezone(self._zone) if moment.tzinfo else moment).date()

    def unpack(self, texts: Sequence[str]) -> list[Any]:
        return [date.fromisoformat(text) for text in texts if text]

    def _cure(self, text: str, error: Exception) -> str:
        return _cure_of_date(text) or super()._cure(text, error)

    def sort_keys(self, values: Sequence[Any]) -> list[Any]:
        return [None if value is None else value.toordinal() for value in values]


class DateTimeCodec(_TimeCodec):
    """ISO 8601 date-times. One without an offset is in the document's zone already."""

    expected = "no date and time; write it as 2026-11-30T13:45:00Z"

    def _fast(self, texts: Sequence[str], holes: bool) -> list[Any]:
        zone = self._zone
        if holes or self._dates:
            return [self._slow(text) if text else None for text in texts]
        return [
            moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)
            for moment in map(datetime.fromisoformat, texts)
        ]

    def _slow(self, text: str) -> Any:
        if self._dates:
            with suppress(ValueError, KeyError):
                return self._dates.read(text).replace(tzinfo=self._zone)
        moment = datetime.fromisoformat(text)
        return moment.astimezone(self._zone) if moment.tzinfo else moment.replace(tzinfo=self._zone)

    def pack(self, values: Sequence[Any]) -> list[str]:
        return ["" if value is None else value.isoformat() for value in values]

    def unpack(self, texts: Sequence[str]) -> list[Any]:
        return [datetime.fromisoformat(text).astimezone(self._zone) for text in texts if text]

    def sort_keys(self, values: Sequence[Any]) -> list[Any]:
        return [None if value is None else value.timestamp() for value in values]

    def _cure(self, text: str, error: Exception) -> str:
        return _cure_of_date(text) or super()._cure(text, error)


def _cure_of_date(text: str) -> str:
    pattern = suggested_format(text)
    return f"Set 'date_format' to that of the file, such as '{pattern}'" if pattern else ""


def codec_of(
    column: ColumnSpec, place: str, report_locale: ReportLocale, max_chars: int, forms: WrittenForms = ISO_FORMS
) -> CellCodec:
    """The cells of a column of the spec. Raises: Refusal `invalid_format` for a date format that is none."""
    field, zone = column.field, report_locale.zone
    match column.type:
        case "integer":
            return IntegerCodec(field, place, forms)
        case "decimal" | "percent" | "money":
            return NumberCodec(field, place, forms, _number_reader(column, report_locale, forms))
        case "boolean":
            return BooleanCodec(field, place, forms)
        case "date" | "datetime":
            dates = DateReader(forms.date_format, report_locale.locale) if forms.date_format else None
            return (DateCodec if column.type == "date" else DateTimeCodec)(field, place, zone, forms, dates)
        case _:
            return TextCodec(field, place, max_chars)


def _number_reader(column: ColumnSpec, report_locale: ReportLocale, forms: WrittenForms) -> NumberReader:
    if column.type != "money":
        return NumberReader(forms, percent=column.type == "percent")
    currency = column.currency or report_locale.currency
    return NumberReader(forms, currency=currency, locale=report_locale.locale)
