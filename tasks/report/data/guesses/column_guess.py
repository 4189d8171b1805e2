"""What the columns of a dataset may be, for people who choose their types. A report itself guesses nothing."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from tasks.refusal import Refusal
from tasks.report.data.cell_codecs import codec_of
from tasks.report.data.source import RowSource, WantedColumn, WrittenForms
from tasks.report.formats.cleaning import clean, short
from tasks.report.formats.columns import ReportLocale
from tasks.report.spec.structs import CellType, ColumnSpec

MAX_ROWS: Final = 1_000
"""Rows from the first on that are looked at."""
EXAMPLES: Final = 3
MAX_EXAMPLE_CHARS: Final = 60
MAX_CELL_CHARS: Final = 200
"""A column with a longer cell is text."""
_ORDER: Final[tuple[CellType, ...]] = ("integer", "decimal", "date", "datetime", "percent", "money")
"""The types in the order in which they are tried."""
_WORDS: Final = frozenset(("true", "false", "yes", "no"))
_CODE: Final = re.compile(r"0\d|\d{12,}")
"""Digits of a number that is a name, such as that of an article or an account."""
_DAY_CHARS: Final = len("2026-11-30")


@dataclass(frozen=True, slots=True)
class ColumnGuess:
    """What a column may be.

    Attributes:
        field: Its name.
        type: The type that fits all of its first cells.
        examples: Some of them.
    """

    field: str
    type: CellType
    examples: tuple[str, ...]


def guess_columns(
    source: RowSource, fields: Collection[str], forms: WrittenForms, report_locale: ReportLocale
) -> list[ColumnGuess]:
    """Look at the first rows of a dataset.

    Args:
        source: The dataset, which is opened once more.
        fields: The columns.
        forms: How its texts are to be read.
        report_locale: The language and the currency of the report.

    Raises:
        Refusal: The dataset cannot be read.
    """
    wanted = [WantedColumn(field, f"columns.{index}.field", typed=True) for index, field in enumerate(fields)]
    columns: list[list[str]] = [[] for _ in wanted]
    for chunk in islice(source.chunks(wanted), 1):
        columns = [[text.strip() for text in texts[:MAX_ROWS] if text.strip()] for texts in chunk.columns]
    return [
        ColumnGuess(
            one.field,
            _type_of(texts, forms, report_locale),
            tuple(short(clean(text), MAX_EXAMPLE_CHARS) for text in list(dict.fromkeys(texts))[:EXAMPLES]),
        )
        for one, texts in zip(wanted, columns, strict=True)
    ]


def _type_of(texts: Sequence[str], forms: WrittenForms, report_locale: ReportLocale) -> CellType:
    texts = [text for text in texts if text not in forms.nulls]
    if not texts or max(map(len, texts)) > MAX_CELL_CHARS or any(map(_CODE.match, texts)):
        return "text"
    if {text.lower() for text in texts} <= _WORDS:
        return "boolean"
    fits = (kind for kind in _ORDER if _fits(kind, texts, forms, report_locale))
    found: CellType = next(fits, "text")
    if found == "date" and max(map(len, texts)) > _DAY_CHARS and not forms.date_format:
        return "datetime"  # a column of dates would drop the time of day
    return found


def _fits(kind: CellType, texts: Sequence[str], forms: WrittenForms, report_locale: ReportLocale) -> bool:
    try:
        codec_of(ColumnSpec(field="", type=kind), "", report_locale, MAX_CELL_CHARS, forms).read(texts, str)
    except Refusal:
        return False
    return True
