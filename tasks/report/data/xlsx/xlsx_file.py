"""Opens a sheet of an XLSX workbook for one pass."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from tasks.report.data.reading import Reading
from tasks.report.data.workbooks.choose_sheet import choose_sheet
from tasks.report.data.workbooks.sheet_rows import LeftOut, Row, column_number
from tasks.report.data.xlsx.archive import Archive
from tasks.report.data.xlsx.markup import ignore, read_all, read_markup
from tasks.report.data.xlsx.sheet import Sheet
from tasks.report.data.xlsx.strings import SharedStrings
from tasks.report.data.xlsx.styles import NumberFormats, style_codes
from tasks.report.data.xlsx.workbook import SheetPart, read_workbook
from tasks.report.spec.structs import DatasetSpec


class XlsxSheet:
    """A sheet of a workbook that is open; a `tasks.report.data.workbooks.sheet_rows.SheetRows`."""

    def __init__(
        self,
        archive: Archive,
        part: str,
        strings: SharedStrings,
        formats: NumberFormats,
        *,
        include_hidden: bool,
        left_out: LeftOut,
    ) -> None:
        self.left_out = left_out
        self._archive = archive
        self._part = part
        self._sheet = Sheet(strings, formats, include_hidden=include_hidden, left_out=left_out)

    def rows(self) -> Iterator[tuple[list[Row], float]]:
        size = max(self._archive.size(self._part), 1) if self._part in self._archive else 1
        with self._archive.open(self._part) as part:
            for rows, done in self._sheet.rows(part):
                yield rows, done / size

    def merged(self) -> list[tuple[int, int, int, int]]:
        found = []

        def start(name: str, attributes: dict[str, str]) -> None:
            if name == "mergeCell":
                first, _, last = attributes.get("ref", "").partition(":")
                corners = [_corner(first), _corner(last)]
                if corners[0] and corners[1]:
                    found.append((corners[0][0], corners[1][0], corners[0][1], corners[1][1]))

        with self._archive.open(self._part) as part:
            read_all(part, start, ignore, ignore)
        return found


@contextmanager
def open_xlsx(path: str, spec: DatasetSpec, reading: Reading) -> Iterator[XlsxSheet]:
    """Open the sheet that a spec asks for. Raises: Refusal."""
    left_out = LeftOut()
    with closing(Archive(path)) as archive:
        workbook = read_workbook(archive)
        chosen = choose_sheet(
            workbook.sheets, spec.sheet, spec.include_hidden, lambda sheet: _is_filled(archive, sheet), left_out
        )
        codes = style_codes(archive, workbook.styles, reading.locale)
        formats = NumberFormats(codes, reading.locale, starts_1904=workbook.starts_1904)
        with closing(SharedStrings(archive, workbook.strings, reading.folder)) as strings:
            yield XlsxSheet(
                archive, chosen.part, strings, formats, include_hidden=spec.include_hidden, left_out=left_out
            )


def _is_filled(archive: Archive, sheet: SheetPart) -> bool:
    """Whether a sheet holds a value; it is read up to the first one."""
    if sheet.part not in archive:
        return False
    found = inside = False

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal inside
        inside = name in ("v", "t")

    def text(said: str) -> None:
        nonlocal found
        found = found or (inside and bool(said))

    def end(_: str) -> None:
        nonlocal inside
        inside = False

    with archive.open(sheet.part) as part:
        return any(found for _ in read_markup(part, start, end, text))


def _corner(reference: str) -> tuple[int, int] | None:
    """The row (from 1) and the column (from 0) of a reference such as B3."""
    letters = reference.rstrip("0123456789")
    row = reference[len(letters) :]
    column = column_number(letters)
    return (int(row), column) if row and len(row) <= 7 and column >= 0 else None
