"""A table's columns, planned: title, alignment, and how values are written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale

from tasks.refusal import Refusal
from tasks.report.formats.cleaning import clean
from tasks.report.formats.dates import DateFormat, date_format, datetime_format
from tasks.report.formats.locales import Words, find_locale
from tasks.report.formats.numbers import NumberFormat, number_format
from tasks.report.spec.structs import CellRuleSpec, CellType, ColumnSpec, DocumentSpec, TotalKind

Value = str | int | Decimal | bool | date
"""What a cell holds; a datetime is a date. An empty cell is None."""
Format = NumberFormat | DateFormat


class Writer(Protocol):
    """Writes a column's worth of values. holes: whether there may be None among them."""

    def __call__(self, values: list[Any], holes: bool = True) -> list[str]: ...


NUMBERS: Final = frozenset({"integer", "decimal", "money", "percent"})
DATES: Final = frozenset({"date", "datetime"})
_AVERAGE_OF_INTEGERS: Final = "#,##0.##"


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """One column. width, overflow, total and rules are the spec's.

    decimal_mark: what numbers are lined up at, if it holds numbers. format writes a number or a date, write a column's
    worth of any values, total_format the column's total, which may be of another kind (a count, an average).
    """

    field: str
    title: str
    type: CellType
    align: Literal["left", "center", "right"]
    width: Literal["auto", "flex"] | float
    overflow: Literal["wrap", "clip"]
    total: TotalKind | None
    rules: Sequence[CellRuleSpec]
    decimal_mark: str | None
    format: Format | None
    total_format: Callable[[Any], str]
    write: Writer

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers: figures stand under figures."""
        return self.type in NUMBERS


@dataclass(frozen=True, slots=True)
class ReportLocale:
    """What the document says of language: locale, zone and currency, and the words that come with the locale."""

    locale: Locale
    zone: ZoneInfo
    currency: str
    words: Words


def locale_of(document: DocumentSpec) -> ReportLocale:
    """The document's language. Raises: Refusal `unknown_timezone`."""
    try:
        zone = ZoneInfo(document.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: a folder's name, or one too long
        message = "The time zone is unknown. Use an IANA name such as Europe/Berlin."
        raise Refusal("unknown_timezone", message, field="document.timezone") from error
    locale = find_locale(document.lang)
    return ReportLocale(locale, zone, document.currency, Words(locale))


def plan_column(column: ColumnSpec, place: str, report_locale: ReportLocale) -> ColumnPlan:
    """Plan one column of the spec. place: where it stands in the table, as in `columns.2`.

    Raises: Refusal `invalid_format`.
    """
    kind = column.type
    form = _format(column, f"{place}.format", report_locale)
    total_format: Callable[[Any], str] = form or str
    if column.total == "count":
        total_format = number_format(None, report_locale.locale, decimals=0)
    elif column.total == "avg" and kind == "integer" and column.format is None:
        total_format = number_format(_AVERAGE_OF_INTEGERS, report_locale.locale)
    numeric_looks = kind in NUMBERS or kind in DATES
    return ColumnPlan(
        field=column.field,
        title=clean(column.field if column.title is None else column.title),
        type=kind,
        align=column.align or ("right" if numeric_looks else "left"),
        width=column.width,
        overflow=column.overflow,
        total=column.total,
        rules=column.rules,
        decimal_mark=form.decimal_mark if isinstance(form, NumberFormat) else None,
        format=form,
        total_format=total_format,
        write=_writer(kind, form, report_locale.words),
    )


def _format(column: ColumnSpec, place: str, report_locale: ReportLocale) -> Format | None:  # noqa: PLR0911 - a type a line
    pattern, decimals = column.format, column.decimals
    match column.type:
        case "date":
            return date_format(pattern, report_locale.locale, field=place)
        case "datetime":
            return datetime_format(pattern, report_locale.locale, zone=report_locale.zone, field=place)
        case "integer":
            return number_format(pattern, report_locale.locale, decimals=0 if pattern is None else None, field=place)
        case "decimal":
            return number_format(pattern, report_locale.locale, decimals=decimals, field=place)
        case "percent":
            return number_format(pattern, report_locale.locale, percent=True, decimals=decimals, field=place)
        case "money":
            currency = column.currency or report_locale.currency
            return number_format(pattern, report_locale.locale, currency=currency, decimals=decimals, field=place)
        case _:
            return None


def _writer(kind: str, form: Format | None, words: Words) -> Writer:
    if kind == "boolean":
        said = {True: words.yes, False: words.no, None: ""}
        return lambda values, holes=True: list(map(said.__getitem__, values))  # noqa: ARG005
    if form is None:
        return lambda values, holes=True: ["" if value is None else value for value in values] if holes else values
    every: Callable[[Sequence[Any]], list[str]] = form.all

    def write(values: Sequence[Any], holes: bool = True) -> list[str]:
        if not holes:
            return every(values)
        there = iter(every([value for value in values if value is not None]))
        return ["" if value is None else next(there) for value in values]

    return write
