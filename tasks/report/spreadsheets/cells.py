"""Values as the cells of a workbook's sheet, a column at a time."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from tasks.report.formats.columns import NUMBERS, ColumnPlan
from tasks.report.spreadsheets.codes import COUNT, number_code
from tasks.report.spreadsheets.formula_escape import looks_like_formula
from tasks.report.spreadsheets.styles import LINE_ABOVE, LINE_BELOW, NO_LINE, Style, Styles

MAX_CHARS: Final = 32_767
EXACT_DIGITS: Final = 15
"""A spreadsheet's numbers hold so many. A value with more is written as text: no digit is lost."""
_SEPARATOR: Final = "\x00"
_ESCAPED: Final = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_FIRST_DAY: Final = date(1900, 3, 1)
_BEFORE_FIRST: Final = date(1899, 12, 30).toordinal()
_DAY_S: Final = 86_400
_MAX_KEPT: Final = 20_000


class SheetColumn:
    """Writes the cells of one column. letter: what spreadsheets call it."""

    def __init__(self, plan: ColumnPlan, index: int, styles: Styles) -> None:
        self._plan = plan
        self.letter = letter(index)
        self._styles = styles
        self._code = number_code(plan)
        self._numbers = _DayNumbers() if plan.type == "date" else None

    def heading(self) -> str:
        style = Style(bold=True, align=self._plan.align, wrap=True, line=LINE_BELOW)
        return self._text([self._plan.title], range(1, 2), style)[0]

    def rows(self, texts: Sequence[str], numbers: range) -> list[str]:
        """The cells of rows. texts: values, as `Entry.packed` has them. numbers: of the rows."""
        return self._typed(texts, numbers, bold=False, line=NO_LINE)

    def label(self, text: str, number: int) -> str:
        """Text in a line of another kind than rows."""
        return self._text([text], range(number, number + 1), Style(bold=True))[0]

    def total(self, text: str, number: int) -> str:
        """The cell of a total; empty or a label where the column has none."""
        numbers = range(number, number + 1)
        if self._plan.total is None:
            return self._text([text], numbers, Style(bold=True, line=LINE_ABOVE))[0]
        if self._plan.total == "count":
            style = self._styles.number(Style(COUNT, bold=True, align="right", line=LINE_ABOVE))
            return f'<c r="{self.letter}{number}" s="{style}"><v>{text}</v></c>'
        return self._typed([text], numbers, bold=True, line=LINE_ABOVE)[0]

    def _typed(self, texts: Sequence[str], numbers: range, *, bold: bool, line: int) -> list[str]:
        style = Style(self._code, bold, self._plan.align, line=line)
        convert: Callable[[str], str | None]
        if self._plan.type in NUMBERS:
            convert = _number
        elif self._numbers is not None:
            convert = self._numbers.__getitem__
        elif self._plan.type == "datetime":
            convert = _moment
        elif self._plan.type == "boolean":
            convert = _boolean
        else:
            return self._text(texts, numbers, style._replace(wrap=self._plan.overflow == "wrap"))
        kind = ' t="b"' if self._plan.type == "boolean" else ""
        middle = f'" s="{self._styles.number(style)}"{kind}><v>'
        start = f'<c r="{self.letter}'
        values = list(map(convert, texts))
        if None in values:  # one that no number of theirs can hold
            return [
                self._text([text], range(number, number + 1), style._replace(code="General"))[0]
                if value is None
                else f"{start}{number}{middle}{value}</v></c>"
                if value
                else ""
                for text, value, number in zip(texts, values, numbers, strict=True)
            ]
        return [
            f"{start}{number}{middle}{value}</v></c>" if value else ""
            for value, number in zip(values, numbers, strict=True)
        ]

    def _text(self, texts: Sequence[str], numbers: range, style: Style) -> list[str]:
        start = f'<c r="{self.letter}'
        plain = f'" s="{self._styles.number(style)}" t="inlineStr"><is><t xml:space="preserve">'
        literal = (
            f'" s="{self._styles.number(style._replace(literal=True))}" t="inlineStr"><is><t xml:space="preserve">'
        )
        return [
            f"{start}{number}{literal if looks_like_formula(text) else plain}{shown}</t></is></c>" if text else ""
            for text, shown, number in zip(texts, _escaped(texts), numbers, strict=True)
        ]


def letter(index: int) -> str:
    """0 -> A, 25 -> Z, 26 -> AA."""
    head, tail = divmod(index, 26)
    return (letter(head - 1) if head else "") + chr(ord("A") + tail)


def _escaped(texts: Sequence[str]) -> list[str]:
    joined = _SEPARATOR.join(texts)
    if len(joined) > MAX_CHARS:
        joined = _SEPARATOR.join([text[:MAX_CHARS] for text in texts])
    joined = joined.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if "_x" in joined:
        joined = _ESCAPED.sub("_x005F_", joined)
    return joined.split(_SEPARATOR)


def _number(text: str) -> str | None:
    if len(text) <= EXACT_DIGITS:
        return text
    return text if len(Decimal(text).normalize().as_tuple().digits) <= EXACT_DIGITS else None


def _boolean(text: str) -> str:
    return {"true": "1", "false": "0", "": ""}[text]


def _moment(text: str) -> str | None:
    if not text:
        return ""
    moment = datetime.fromisoformat(text).replace(tzinfo=None)  # a workbook's clock is the one on the wall
    if moment.date() < _FIRST_DAY:
        return None
    seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second + moment.microsecond / 1e6
    return repr(moment.toordinal() - _BEFORE_FIRST + seconds / _DAY_S)


class _DayNumbers(dict[str, "str | None"]):
    """ISO date -> its number; None before March 1900, where programs disagree."""

    def __missing__(self, text: str) -> str | None:
        if len(self) >= _MAX_KEPT:
            self.clear()
        day = date.fromisoformat(text) if text else None
        number: str | None = ""
        if day is not None:
            number = str(day.toordinal() - _BEFORE_FIRST) if day >= _FIRST_DAY else None
        self[text] = number
        return number
