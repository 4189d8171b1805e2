"""Tables as a workbook: one sheet a table, values typed, written in one stream a sheet.

Texts are written as texts, which no program runs; one that looks like a formula also says that it is none when someone
edits it. Nothing of the day it was made is in the file: the same tables give the same bytes.
"""

import unicodedata
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from xml.sax.saxutils import escape, quoteattr

from tasks.report.data.entries import Entry
from tasks.report.data.rows import TableRows
from tasks.report.formats.cleaning import clean, clean_line
from tasks.report.layout.theme import ReportTheme
from tasks.report.spec.structs import PageSpec
from tasks.report.spreadsheets.cells import SheetColumn
from tasks.report.spreadsheets.styles import Styles

MAX_ROWS: Final = 1_048_576
MAX_SHEET_BYTES: Final = 1 << 30
"""Of a sheet before it is packed; a table that takes more goes on in a second sheet."""
_MAX_NAME_CHARS: Final = 31
_NOT_IN_NAMES: Final = str.maketrans(dict.fromkeys("[]:*?/\\\n", " "))
_LEVEL: Final = 4
_MIN_WIDTH, _MAX_WIDTH = 8, 60
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_TYPES: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_ROW_END: Final = "</row>"
_PAPERS: Final = {"Letter": 1, "Legal": 5, "A3": 8, "A4": 9, "A5": 11}
_UPRIGHT_CHARS: Final = 95
"""Columns that are wider together are printed on pages that lie."""
_MAX_PRINTED_TITLE: Final = 200


@dataclass(frozen=True, slots=True)
class SheetOptions:
    """What all sheets of a workbook share: the colours of rules, and the paper that they are printed on."""

    theme: ReportTheme
    page: PageSpec


def write_xlsx(path: Path, tables: Sequence[tuple[str, TableRows]], options: SheetOptions) -> list[int]:
    """Write a workbook.

    Args:
        path: Of a new file.
        tables: Their titles, which become the sheets' names, and their rows.
        options: What the sheets share.

    Returns:
        For each table how many of its texts were longer than a cell may be and were cut.
    """
    with path.open("xb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        workbook = _WorkbookWriter(archive, options)
        cut = [workbook.add(title, rows) for title, rows in tables]
        workbook.finish()
        return cut


class _WorkbookWriter:
    def __init__(self, archive: zipfile.ZipFile, options: SheetOptions) -> None:
        self._archive = archive
        self._options = options
        self._styles = Styles()
        self._names: list[str] = []
        self._defined: list[str] = []
        self._write(
            "[Content_Types].xml",
            f'<Types xmlns="{_PACKAGE}/content-types">'
            f'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Default Extension="xml" ContentType="{_TYPES}.worksheet+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_TYPES}.styles+xml"/></Types>',
        )
        self._write_relations("_rels/.rels", [("officeDocument", "xl/workbook.xml")])

    def add(self, title: str, rows: TableRows) -> int:
        """One table, over as many sheets as it takes. Returns how many texts were cut."""
        theme = self._options.theme
        columns = [SheetColumn(plan, index, self._styles, theme) for index, plan in enumerate(rows.columns)]
        widths = _widths(rows)
        headed = any(plan.title for plan in rows.columns)
        begin = _beginning(columns, widths, headed=headed)
        entries = rows.entries()
        entry = next(entries, None)
        while True:
            self._names.append(_name(title, self._names))
            with self._archive.open(_part(f"xl/worksheets/sheet{len(self._names)}.xml"), "w") as part:
                written = part.write(begin)
                number = first = 2 if headed else 1
                last = 0  # line that a filter reaches to
                while (
                    entry is not None and number + len(entry.columns[0]) - 1 <= MAX_ROWS and written < MAX_SHEET_BYTES
                ):
                    written += _write_lines(part, entry, columns, number)
                    number += len(entry.columns[0])
                    if entry.kind != "total":
                        last = number - 1
                    entry = next(entries, None)
                filtered = last if headed and last >= first else 0
                letter = columns[-1].letter
                reference = f"A1:{letter}{filtered}" if filtered else ""
                part.write(_end(reference, self._setup(title, sum(widths))).encode())
            self._define(f"$A$1:${letter}${filtered}" if filtered else "", headed=headed)
            if entry is None:
                return sum(column.cut for column in columns)

    def _setup(self, title: str, chars: int) -> str:
        """How the sheet is printed: as wide as the paper, with its title above and page numbers below."""
        page = self._options.page
        paper = _PAPERS.get(page.size, 9) if isinstance(page.size, str) else 9
        lies = page.orientation == "landscape" or chars > _UPRIGHT_CHARS
        head = escape(clean_line(title)[:_MAX_PRINTED_TITLE].strip().replace("&", "&&"))
        return (
            '<pageMargins left="0.5" right="0.5" top="0.75" bottom="0.75" header="0.3" footer="0.3"/>'
            f'<pageSetup paperSize="{paper}" orientation="{"landscape" if lies else "portrait"}" fitToHeight="0"/>'
            f"<headerFooter>{f'<oddHeader>&amp;L{head}</oddHeader>' if head else ''}"
            "<oddFooter>&amp;R&amp;P / &amp;N</oddFooter></headerFooter>"
        )

    def _define(self, filtered: str, *, headed: bool) -> None:
        """The names by which programs know what the last sheet filters, and which line each printed page repeats."""
        sheet = f"'{self._names[-1].replace(chr(39), chr(39) * 2)}'"
        local = f'localSheetId="{len(self._names) - 1}"'
        if filtered:
            name = f'name="_xlnm._FilterDatabase" {local} hidden="1"'
            self._defined.append(f"<definedName {name}>{escape(sheet)}!{filtered}</definedName>")
        if headed:
            self._defined.append(f'<definedName name="_xlnm.Print_Titles" {local}>{escape(sheet)}!$1:$1</definedName>')

    def finish(self) -> None:
        numbered = list(enumerate(self._names, start=1))
        sheets = "".join(f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="rId{n}"/>' for n, name in numbered)
        defined = f"<definedNames>{''.join(self._defined)}</definedNames>" if self._defined else ""
        self._write(
            "xl/workbook.xml",
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><bookViews><workbookView/></bookViews>'
            f"<sheets>{sheets}</sheets>{defined}</workbook>",
        )
        targets = [("worksheet", f"worksheets/sheet{n}.xml") for n, _ in numbered]
        self._write_relations("xl/_rels/workbook.xml.rels", [*targets, ("styles", "styles.xml")])
        self._archive.writestr(_part("xl/styles.xml"), self._styles.markup())

    def _write_relations(self, name: str, targets: Sequence[tuple[str, str]]) -> None:
        relations = "".join(
            f'<Relationship Id="rId{number}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
            for number, (kind, target) in enumerate(targets, start=1)
        )
        self._write(name, f'<Relationships xmlns="{_PACKAGE}/relationships">{relations}</Relationships>')

    def _write(self, name: str, markup: str) -> None:
        self._archive.writestr(_part(name), _HEAD + markup)


def _part(name: str) -> zipfile.ZipInfo:
    part = zipfile.ZipInfo(name)  # dated 1980
    part.compress_type = zipfile.ZIP_DEFLATED
    return part


def _widths(rows: TableRows) -> list[int]:
    """Of the columns, in characters."""
    widths = [_width(plan.title) for plan in rows.columns]
    for batch in rows.batches():
        if batch.kind != "group":
            widths = [max(width, *map(len, texts)) for width, texts in zip(widths, batch.columns, strict=True)]
    return [min(max(width + 2, _MIN_WIDTH), _MAX_WIDTH) for width in widths]


def _beginning(columns: Sequence[SheetColumn], widths: Sequence[int], *, headed: bool) -> bytes:
    """A sheet up to its rows, the frozen line of headings included if it has one."""
    shown = "".join(
        f'<col min="{number}" max="{number}" width="{width}" customWidth="1"/>'
        for number, width in enumerate(widths, start=1)
    )
    frozen = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>' if headed else ""
    head = f'<row r="1">{"".join(column.heading() for column in columns)}</row>' if headed else ""
    return (
        f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetPr><pageSetUpPr fitToPage="1"/></sheetPr>'
        f'<sheetViews><sheetView workbookViewId="0">{frozen}</sheetView></sheetViews>'
        f"<cols>{shown}</cols><sheetData>{head}"
    ).encode()


def _end(filtered: str, setup: str) -> str:
    """A sheet after its rows. filtered: the cells that can be filtered, such as A1:F20."""
    return f"</sheetData>{f'<autoFilter ref={quoteattr(filtered)}/>' if filtered else ''}{setup}</worksheet>"


def _width(text: str) -> int:
    """Characters, wide ones counted twice."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _write_lines(part: IO[bytes], entry: Entry, columns: Sequence[SheetColumn], number: int) -> int:
    if entry.packed is None:
        raise ValueError("the rows were opened without their values")
    numbers = range(number, number + len(entry.columns[0]))
    if entry.kind == "row":
        cells = [
            column.rows(texts, numbers, entry.rules.get(index, {}))
            for index, (column, texts) in enumerate(zip(columns, entry.packed, strict=True))
        ]
    elif entry.kind == "group":
        cells = [[columns[0].label(entry.packed[0][0], number)]]
    else:
        (first, *others), (text, *texts) = columns, entry.packed
        cells = [[first.total(text[0], number, entry.label)]]
        cells += [
            [column.total(one[0] if column.has_total or not entry.label else "", number)]
            for column, one in zip(others, texts, strict=True)
        ]
    starts = [f'<row r="{number}">' for number in numbers]
    lines = zip(starts, *cells, (_ROW_END,) * len(numbers), strict=True)
    return part.write("".join(map("".join, lines)).encode())


def _name(title: str, taken: Sequence[str]) -> str:
    """A name that a sheet may have: short, without some characters, unlike the others."""
    folded = {name.casefold() for name in taken}
    plain = _cut_name(" ".join(clean(title).translate(_NOT_IN_NAMES).split()), _MAX_NAME_CHARS)
    if plain.casefold() in ("", "history"):  # Excel keeps the latter for itself
        plain = "Table"
    name, count = plain, 1
    while name.casefold() in folded:
        count += 1
        ending = f" ({count})"
        name = _cut_name(plain, _MAX_NAME_CHARS - len(ending)) + ending
    return name


def _cut_name(name: str, most: int) -> str:
    """No longer than Excel counts it, in units of UTF-16: an emoji is two. No apostrophe or blank at its ends."""
    return name.encode("utf-16-le")[: 2 * most].decode("utf-16-le", "ignore").strip("' ")
