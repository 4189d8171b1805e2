"""Tables as a workbook: one sheet a table, values typed, written in one stream a sheet.

Texts are written as texts, which no program runs; one that looks like a formula also says that it is none when someone
edits it. Nothing of the day it was made is in the file: the same tables give the same bytes.
"""

import unicodedata
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final
from xml.sax.saxutils import quoteattr

from tasks.report.data.entries import Entry
from tasks.report.data.rows import TableRows
from tasks.report.formats.cleaning import clean
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


def write_xlsx(path: Path, tables: Sequence[tuple[str, TableRows]]) -> None:
    """Write a workbook to `path`, a new file. tables: their titles, which become the sheets' names, and their rows."""
    with path.open("xb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        workbook = _WorkbookWriter(archive)
        for title, rows in tables:
            workbook.add(title, rows)
        workbook.finish()


class _WorkbookWriter:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._styles = Styles()
        self._names: list[str] = []
        self._write(
            "[Content_Types].xml",
            f'<Types xmlns="{_PACKAGE}/content-types">'
            f'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Default Extension="xml" ContentType="{_TYPES}.worksheet+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_TYPES}.styles+xml"/></Types>',
        )
        self._write_relations("_rels/.rels", [("officeDocument", "xl/workbook.xml")])

    def add(self, title: str, rows: TableRows) -> None:
        """One table, over as many sheets as it takes."""
        columns = [SheetColumn(plan, index, self._styles) for index, plan in enumerate(rows.columns)]
        begin = _beginning(rows, columns)
        entries = rows.entries()
        entry = next(entries, None)
        while True:
            self._names.append(_name(title, self._names))
            with self._archive.open(_part(f"xl/worksheets/sheet{len(self._names)}.xml"), "w") as part:
                written = part.write(begin)
                number = 2
                while (
                    entry is not None and number + len(entry.columns[0]) - 1 <= MAX_ROWS and written < MAX_SHEET_BYTES
                ):
                    written += _write_lines(part, entry, columns, number)
                    number += len(entry.columns[0])
                    entry = next(entries, None)
                part.write(b"</sheetData></worksheet>")
            if entry is None:
                return

    def finish(self) -> None:
        numbered = list(enumerate(self._names, start=1))
        sheets = "".join(f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="rId{n}"/>' for n, name in numbered)
        self._write(
            "xl/workbook.xml",
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><bookViews><workbookView/></bookViews>'
            f"<sheets>{sheets}</sheets></workbook>",
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


def _beginning(rows: TableRows, columns: Sequence[SheetColumn]) -> bytes:
    """A sheet up to its rows, the frozen line of headings included."""
    widths = [_width(plan.title) for plan in rows.columns]
    for batch in rows.batches():
        if batch.kind != "group":
            widths = [max(width, *map(len, texts)) for width, texts in zip(widths, batch.columns, strict=True)]
    shown = "".join(
        f'<col min="{number}" max="{number}" width="{min(max(width + 2, _MIN_WIDTH), _MAX_WIDTH)}" customWidth="1"/>'
        for number, width in enumerate(widths, start=1)
    )
    headings = "".join(column.heading() for column in columns)
    return (
        f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" '
        'topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f'<cols>{shown}</cols><sheetData><row r="1">{headings}</row>'
    ).encode()


def _width(text: str) -> int:
    """Characters, wide ones counted twice."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _write_lines(part: IO[bytes], entry: Entry, columns: Sequence[SheetColumn], number: int) -> int:
    if entry.packed is None:
        raise ValueError("the rows were opened without their values")
    numbers = range(number, number + len(entry.columns[0]))
    if entry.kind == "row":
        cells = [column.rows(texts, numbers) for column, texts in zip(columns, entry.packed, strict=True)]
    elif entry.kind == "group":
        cells = [[columns[0].label(entry.packed[0][0], number)]]
    else:
        cells = [[column.total(texts[0], number)] for column, texts in zip(columns, entry.packed, strict=True)]
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
