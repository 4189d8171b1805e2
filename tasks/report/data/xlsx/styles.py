"""Which of a workbook's styles show a number as a date: the only sign by which a date is known."""

import re
from typing import Final

from tasks.report.data.xlsx.archive import MAX_STYLES_BYTES, Archive
from tasks.report.data.xlsx.markup import ignore, read_all

# The built-in formats of dates and times, those of the Japanese, Chinese and Korean editions too.
_BUILT_IN: Final = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_NO_FIELDS: Final = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
_DATE_FIELDS: Final = re.compile("[dmyhsDMYHS]")
_MAX_FORMAT_CHARS: Final = 1_000


def date_styles(archive: Archive, name: str | None) -> list[bool]:
    """For each style number whether it is one of dates. Raises: Refusal `malformed_dataset`."""
    dates = set(_BUILT_IN)
    styles: list[bool] = []
    inside = False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal inside
        if name == "numFmt":
            code = attributes.get("formatCode", "")[:_MAX_FORMAT_CHARS]
            number = _number(attributes.get("numFmtId"))
            (dates.add if _is_date(code) else dates.discard)(number)
        elif name == "cellXfs":
            inside = True
        elif name == "xf" and inside:
            styles.append(_number(attributes.get("numFmtId")) in dates)

    def end(name: str) -> None:
        nonlocal inside
        if name == "cellXfs":
            inside = False

    if name is not None:
        with archive.open(name, MAX_STYLES_BYTES) as part:
            read_all(part, start, end, ignore)
    return styles


def _is_date(code: str) -> bool:
    shown = _NO_FIELDS.sub("", code.partition(";")[0])
    return "general" not in shown.lower() and _DATE_FIELDS.search(shown) is not None


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0
