"""The number formats of a workbook's styles: the only sign by which a date is known, and how each number is shown."""

from collections.abc import Sequence
from typing import Final

from babel import Locale

from tasks.report.data.workbooks.built_in_formats import built_in_code
from tasks.report.data.workbooks.cell_format import CellFormat
from tasks.report.data.workbooks.format_codes import MAX_CODE_CHARS
from tasks.report.data.xlsx.archive import MAX_STYLES_BYTES, Archive
from tasks.report.data.xlsx.markup import ignore, read_all

_GENERAL: Final = "General"


class NumberFormats:
    """The format of each style, made when it is first asked for.

    Args:
        codes: By the number of the style.
        locale: Of the report.
        starts_1904: Whether the workbook counts its days from 1904.
    """

    def __init__(self, codes: Sequence[str], locale: Locale, *, starts_1904: bool) -> None:
        self._codes = codes
        self._locale = locale
        self.starts_1904 = starts_1904
        self._by_code: dict[str, CellFormat] = {}
        self._by_style: dict[str, CellFormat] = {}

    def __getitem__(self, style: str) -> CellFormat:
        """The format of a style, as a cell names it; General for one that is not there."""
        found = self._by_style.get(style)
        if found is None:
            known = len(style) < 7 and style.isdecimal() and int(style) < len(self._codes)
            code = self._codes[int(style)] if known else _GENERAL
            found = self._by_code.get(code)
            if found is None:
                found = self._by_code[code] = CellFormat(code, self._locale, starts_1904=self.starts_1904)
            self._by_style[style if known else ""] = found
        return found


def style_codes(archive: Archive, name: str | None, locale: Locale) -> list[str]:
    """For each style number the code of its format. Raises: Refusal `malformed_dataset`."""
    own: dict[int, str] = {}
    styles: list[str] = []
    inside = False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal inside
        if name == "numFmt":
            own[_number(attributes.get("numFmtId"))] = attributes.get("formatCode", "")[:MAX_CODE_CHARS]
        elif name == "cellXfs":
            inside = True
        elif name == "xf" and inside:
            number = _number(attributes.get("numFmtId"))
            styles.append(own[number] if number in own else built_in_code(number, locale))

    def end(name: str) -> None:
        nonlocal inside
        if name == "cellXfs":
            inside = False

    if name is not None:
        with archive.open(name, MAX_STYLES_BYTES) as part:
            read_all(part, start, end, ignore)
    return styles


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0
