"""Values as the cells of a workbook's sheet, a column at a time."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from tasks.report.formats.columns import NUMBERS, ColumnPlan
from tasks.report.formats.numbers import NumberFormat
from tasks.report.layout.theme import ReportTheme, Rgb
from tasks.report.spec.structs import CellRuleSpec
from tasks.report.spreadsheets.codes import COUNT, labelled, number_code, unsigned
from tasks.report.spreadsheets.formula_escape import looks_like_formula
from tasks.report.spreadsheets.styles import LINE_ABOVE, LINE_BELOW, Style, Styles

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
    """Writes the cells of one column. letter: what spreadsheets call it. cut: how many texts were too long for a cell.

    Args:
        plan: The column.
        index: Its place, from 0.
        styles: Of the workbook.
        theme: Has the colours of the column's rules.
    """

    def __init__(self, plan: ColumnPlan, index: int, styles: Styles, theme: ReportTheme) -> None:
        self._plan = plan
        self.letter = letter(index)
        self.cut = 0
        self._styles = styles
        self._theme = theme
        self._code = number_code(plan)
        self._days = _DayNumbers() if plan.type == "date" else None
        form = plan.format
        self._half = form.last_digit / 2 if isinstance(form, NumberFormat) and form.plain else Decimal(0)

    @property
    def has_total(self) -> bool:
        return self._plan.total is not None

    def heading(self) -> str:
        style = Style(bold=True, align=self._plan.align, wrap=True, line=LINE_BELOW)
        return self._text([self._plan.title], range(1, 2), style)[0]

    def rows(self, texts: Sequence[str], numbers: range, holding: Mapping[int, int]) -> list[str]:
        """The cells of rows.

        Args:
            texts: Values, as `Entry.packed` has them.
            numbers: Of the rows.
            holding: Which of the column's rules holds in which of them.
        """
        style = Style(self._code, align=self._plan.align)
        cells = self._typed(texts, numbers, style)
        for row, rule in holding.items():
            [cells[row]] = self._ruled(texts[row], numbers[row : row + 1], style, self._plan.rules[rule])
        return cells

    def label(self, text: str, number: int) -> str:
        """Text in a line of another kind than rows."""
        return self._text([text], range(number, number + 1), Style(bold=True))[0]

    def total(self, text: str, number: int, label: str = "") -> str:
        """The cell of a total; empty or text where the column has none. label: stands before the total."""
        numbers = range(number, number + 1)
        style = Style(bold=True, line=LINE_ABOVE)
        if self._plan.total is None or (label and not text):
            return self._text([text or label], numbers, style)[0]
        counts = self._plan.total == "count"
        code = COUNT if counts else self._code
        if label:
            code = labelled(label, code, signed=self._plan.numeric and not counts)
        if counts:
            number_style = self._styles.number(style._replace(code=code, align="right"))
            return f'<c r="{self.letter}{number}" s="{number_style}"><v>{text}</v></c>'
        return self._typed([text], numbers, style._replace(code=code, align=self._plan.align), label)[0]

    def _ruled(self, text: str, numbers: range, style: Style, rule: CellRuleSpec) -> list[str]:
        """A cell in the colours and the weight that a rule asks for."""
        colour = _hex(self._theme.colour(rule.colour)) if rule.colour else ""
        background = _hex(self._theme.colour(rule.background)) if rule.background else ""
        style = style._replace(bold=rule.bold, colour=colour, background=background)
        if not text and background:
            return [f'<c r="{self.letter}{numbers[0]}" s="{self._styles.number(style)}"/>']
        return self._typed([text], numbers, style)

    def _typed(self, texts: Sequence[str], numbers: range, style: Style, label: str = "") -> list[str]:
        """Cells of the column's type. label: stands before a value that only text can hold."""
        convert = self._converter()
        if convert is None:
            return self._text(texts, numbers, style._replace(wrap=self._plan.overflow == "wrap"))
        kind = ' t="b"' if self._plan.type == "boolean" else ""
        middle = f'" s="{self._styles.number(style)}"{kind}><v>'
        start = f'<c r="{self.letter}'
        values = list(map(convert, texts))
        cells = [
            f"{start}{number}{middle}{value}</v></c>" if value else ""
            for value, number in zip(values, numbers, strict=True)
        ]
        if None in values:  # one that no number of theirs can hold
            plain = style._replace(code="General")
            for row, value in enumerate(values):
                if value is None:
                    shown = f"{label}: {texts[row]}" if label else texts[row]
                    [cells[row]] = self._text([shown], numbers[row : row + 1], plain)
        if self._half:
            for row, text in enumerate(texts):
                if text[:2] == "-0" and -Decimal(text) < self._half:  # would be shown as -0.00
                    zero = self._styles.number(style._replace(code=unsigned(style.code)))
                    cells[row] = f'{start}{numbers[row]}" s="{zero}"><v>{values[row] or 0}</v></c>'
        return cells

    def _converter(self) -> Callable[[str], str | None] | None:
        """Makes a value's text a number of the workbook, None for one that it cannot hold; None for texts."""
        if self._plan.type in NUMBERS:
            return _number
        if self._days is not None:
            return self._days.__getitem__
        return {"datetime": _moment, "boolean": _boolean}.get(self._plan.type)

    def _text(self, texts: Sequence[str], numbers: range, style: Style) -> list[str]:
        start = f'<c r="{self.letter}'
        plain = f'" s="{self._styles.number(style)}" t="inlineStr"><is><t xml:space="preserve">'
        literal = (
            f'" s="{self._styles.number(style._replace(literal=True))}" t="inlineStr"><is><t xml:space="preserve">'
        )
        return [
            f"{start}{number}{literal if looks_like_formula(text) else plain}{shown}</t></is></c>" if text else ""
            for text, shown, number in zip(texts, self._escaped(texts), numbers, strict=True)
        ]

    def _escaped(self, texts: Sequence[str]) -> list[str]:
        joined = _SEPARATOR.join(texts)
        if len(joined) > MAX_CHARS:
            self.cut += sum(len(text) > MAX_CHARS for text in texts)
            joined = _SEPARATOR.join([text[:MAX_CHARS] for text in texts])
        joined = joined.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        if "_x" in joined:
            joined = _ESCAPED.sub("_x005F_", joined)
        return joined.split(_SEPARATOR)


def letter(index: int) -> str:
    """0 -> A, 25 -> Z, 26 -> AA."""
    head, tail = divmod(index, 26)
    return (letter(head - 1) if head else "") + chr(ord("A") + tail)


def _hex(colour: Rgb) -> str:
    """RRGGBB."""
    return "".join(f"{round(255 * part):02X}" for part in colour)


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
