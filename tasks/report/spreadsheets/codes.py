"""Formats of CLDR in the words of Excel: its codes for numbers and dates."""

from collections.abc import Sequence
from typing import Final

from tasks.report.formats.columns import ColumnPlan
from tasks.report.formats.dates import DateFormat, Token
from tasks.report.formats.numbers import NumberFormat

GENERAL: Final = "General"
COUNT: Final = "#,##0"
ISO_DATE: Final = "yyyy\\-mm\\-dd"
ISO_MOMENT: Final = "yyyy\\-mm\\-dd\\ hh:mm"
_MAX_CODE_CHARS: Final = 200
_PLAIN: Final = frozenset(" -/:()")

_FIELDS: Final = {
    **dict.fromkeys(("y", "yyyy"), "yyyy"),
    "yy": "yy",
    **{letter * count: "m" * count for letter in "ML" for count in range(1, 6)},
    "d": "d",
    "dd": "dd",
    **dict.fromkeys(("E", "EE", "EEE"), "ddd"),
    "EEEE": "dddd",
    **dict.fromkeys("HhKk", "h"),
    **dict.fromkeys(("HH", "hh", "KK", "kk"), "hh"),
    "m": "m",
    "mm": "mm",
    "s": "s",
    "ss": "ss",
    "a": "AM/PM",
}


def number_code(plan: ColumnPlan) -> str:
    """The code for a column's values; one close to it where Excel has no such format."""
    if isinstance(plan.format, NumberFormat):
        return _of_numbers(plan.format)
    if isinstance(plan.format, DateFormat):
        return _of_dates(plan.format.tokens, ISO_DATE if plan.type == "date" else ISO_MOMENT)
    return GENERAL


def unsigned(code: str) -> str:
    """The code for a negative number that it rounds to zero, and that is shown without its sign."""
    positive = code.partition(";")[0]
    return f"{positive};{positive}"


def labelled(label: str, code: str, *, signed: bool) -> str:
    """The code that shows `label` before a value. signed: which may be negative; its sign stands behind the label."""
    before = _quoted(f"{label}: ")
    if signed and ";" not in code:
        return f"{before}{code};{before}-{code}"
    return ";".join(f"{before}{part}" for part in code.split(";"))


def _of_numbers(form: NumberFormat) -> str:
    if not form.plain or form.pattern.scale == 3:
        return GENERAL
    least, most = form.fraction
    digits = "#,##0" if form.grouped else "0"
    if most:
        digits += "." + "0" * least + "#" * (most - least)
    (before, negative_before), (after, negative_after) = form.affixes
    code = f"{_quoted(before)}{digits}{_quoted(after)}"
    if (negative_before, negative_after) != (f"-{before}", after):
        code += f";{_quoted(negative_before)}{digits}{_quoted(negative_after)}"
    return code if len(code) <= _MAX_CODE_CHARS else GENERAL


def _of_dates(tokens: Sequence[Token], otherwise: str) -> str:
    parts = []
    for kind, value in tokens:
        if kind == "chars":
            parts.append(_quoted(str(value)))
            continue
        code = _FIELDS.get(str(value[0]) * int(value[1]))
        if code is None:
            return otherwise
        parts.append(code)
    code = "".join(parts)
    return code if len(code) <= _MAX_CODE_CHARS else otherwise


def _quoted(text: str) -> str:
    """Text that stands for itself in a code. Of a percent sign that is its meaning."""
    if text == "%" or set(text) <= _PLAIN:
        return text.replace(" ", "\\ ")
    if "%" in text:
        before, _, after = text.partition("%")
        return f"{_quoted(before) if before else ''}%{_quoted(after) if after else ''}"
    return f'"{text.replace(chr(34), "")}"'
