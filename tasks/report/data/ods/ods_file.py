"""Opens a sheet of an ODS workbook for one pass."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

from tasks.refusal import Refusal
from tasks.report.data.ods.ods_sheet import OdsSheet
from tasks.report.data.workbooks.choose_sheet import choose_sheet
from tasks.report.data.workbooks.sheet_rows import LeftOut
from tasks.report.data.xlsx.archive import Archive
from tasks.report.data.xlsx.markup import read_all
from tasks.report.spec.structs import DatasetSpec

_CONTENT: Final = "content.xml"


@dataclass(slots=True)
class _OdsTable:
    """A sheet as the content lists it. is_filled: whether it has text."""

    number: int
    name: str
    is_hidden: bool
    is_filled: bool = False


@contextmanager
def open_ods(path: str, spec: DatasetSpec) -> Iterator[OdsSheet]:
    """Open the sheet that a spec asks for. Raises: Refusal."""
    left_out = LeftOut()
    with closing(Archive(path)) as archive:
        tables = _tables(archive)
        if not tables:
            raise Refusal("malformed_dataset", "The workbook has no sheet with cells. Save the data in a sheet.")
        chosen = choose_sheet(tables, spec.sheet, spec.include_hidden, lambda table: table.is_filled, left_out)
        with archive.open(_CONTENT) as part:
            yield OdsSheet(
                part,
                archive.size(_CONTENT),
                chosen.number,
                include_hidden=spec.include_hidden,
                left_out=left_out,
            )


def _tables(archive: Archive) -> list[_OdsTable]:
    """The sheets: all is read, because their names stand between their cells."""
    hidden_styles: set[str] = set()
    tables: list[_OdsTable] = []
    style = ""
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal style, depth
        if name == "table:table":
            depth += 1
            if depth == 1:
                is_hidden = attributes.get("table:style-name", "") in hidden_styles
                tables.append(_OdsTable(len(tables), attributes.get("table:name", ""), is_hidden))
        elif name == "style:style":
            style = attributes.get("style:name", "")
        elif name == "style:table-properties" and attributes.get("table:display") == "false":
            hidden_styles.add(style)

    def end(name: str) -> None:
        nonlocal depth
        depth -= name == "table:table"

    def text(said: str) -> None:
        if depth and not said.isspace():
            tables[-1].is_filled = True

    if _CONTENT not in archive:
        raise Refusal("malformed_dataset", "The workbook has no content, or has a password. Save it without one.")
    with archive.open(_CONTENT) as part:
        read_all(part, start, end, text)
    return tables
