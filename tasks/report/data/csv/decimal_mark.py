"""How a CSV file writes its numbers: said, proved by its cells, or as the report's language has it."""

import re
from collections.abc import Sequence
from typing import Final

from babel.numbers import get_decimal_symbol

from tasks.report.data.source import WrittenForms
from tasks.report.formats.locales import find_locale
from tasks.report.spec.structs import DatasetSpec

POINT, COMMA = ".", ","
MARKS: Final = (".", ",", " ", "\u00a0", "\u202f", "'", "\N{RIGHT SINGLE QUOTATION MARK}")
"""What may stand between groups of digits, unless it is the decimal mark."""
_COMMA_DELIMITED: Final = ","


def _proof(mark: str, other: str) -> re.Pattern[str]:
    """Matches a number, whatever is around it, that has `mark` as its decimal mark and can have no other."""
    groups = rf"[0-9]{{1,3}}(?:[{other} \u00a0\u202f'’][0-9]{{3}})+{mark}[0-9]+"
    number = rf"(?:{groups}|[0-9]+{mark}(?:[0-9]{{1,2}}|[0-9]{{4,}})|[0-9]{{4,}}{mark}[0-9]{{3}}|0{mark}[0-9]+)"
    return re.compile(rf"[^\w.,]*(?:[A-Z]{{3}}\s?)?[^\w.,]*{number}[^\w.,]*(?:[A-Z]{{3}})?[^\w.,]*")


_WITH_COMMA: Final = _proof(",", ".")
_WITH_POINT: Final = _proof("[.]", ",")


def find_forms(spec: DatasetSpec, delimiter: str, lang: str, rows: Sequence[Sequence[str]]) -> WrittenForms:
    """How the texts of a file are to be read where they are numbers or dates.

    Args:
        spec: What is said of it.
        delimiter: Its delimiter. Programs that write decimal commas do not part cells with commas.
        lang: The language of the report.
        rows: Rows at its beginning.
    """
    decimal, ambiguous = spec.decimal, False
    if decimal is None and spec.thousands in (POINT, COMMA):
        decimal = COMMA if spec.thousands == POINT else POINT
    if decimal is None:
        cells = [cell for row in rows for cell in row]
        comma, point = any(map(_WITH_COMMA.fullmatch, cells)), any(map(_WITH_POINT.fullmatch, cells))
        of_language = get_decimal_symbol(find_locale(lang), numbering_system="latn")
        if comma != point:
            decimal = COMMA if comma else POINT
        elif delimiter == _COMMA_DELIMITED:
            decimal = POINT
        else:
            decimal, ambiguous = of_language if of_language in (POINT, COMMA) else POINT, of_language == POINT
    marks = _thousands(spec, decimal)
    return WrittenForms(decimal, marks, ambiguous, spec.date_format, spec.nulls)


def said_forms(spec: DatasetSpec) -> WrittenForms:
    """How texts are to be read where the file itself tells numbers from texts: as is said, else with a point."""
    decimal = spec.decimal or (COMMA if spec.thousands == POINT else POINT)
    marks = _thousands(spec, decimal)
    return WrittenForms(decimal, marks, False, spec.date_format, spec.nulls)


def _thousands(spec: DatasetSpec, decimal: str) -> str:
    return spec.thousands or "".join(mark for mark in MARKS if mark != decimal)
