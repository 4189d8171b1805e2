"""Makers of XLSX files by hand, part by part: what no spreadsheet program would write can be written too."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006/relationships"


def sheet(rows: str, dimension: str = "A1:B2") -> str:
    """A worksheet of the markup of its rows."""
    return f'<worksheet xmlns="{MAIN}"><dimension ref="{dimension}"/><sheetData>{rows}</sheetData></worksheet>'


def inline(reference: str, text: str) -> str:
    """The markup of a cell of text."""
    return f'<c r="{reference}" t="inlineStr"><is><t>{text}</t></is></c>'


def number(reference: str, value: str, style: int = 0) -> str:
    """The markup of a cell of a number."""
    return f'<c r="{reference}" s="{style}"><v>{value}</v></c>'


def pack(path: Path, rows: str, parts: Mapping[str, str] | None = None, *, book: str | None = None) -> Path:
    """A workbook with the sheet `Data` of these rows. parts: further ones, or others in place of these."""
    relations = (
        f'<Relationship Id="rId1" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{_RELATIONS}/sharedStrings" Target="sharedStrings.xml"/>'
        f'<Relationship Id="rId3" Type="{_RELATIONS}/styles" Target="/xl/styles.xml"/>'
        f'<Relationship Id="rId4" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet2.xml"/>'
    )
    whole = {
        "_rels/.rels": _related(f'<Relationship Id="r" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/>'),
        "xl/workbook.xml": book or book_of("Data"),
        "xl/_rels/workbook.xml.rels": _related(relations),
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"/>',
        "xl/styles.xml": styles(),
        "xl/worksheets/sheet1.xml": sheet(rows),
        **(parts or {}),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, markup in whole.items():
            archive.writestr(name, markup)
    return path


def book_of(*names: str, date1904: bool = False) -> str:
    """A workbook's table of contents: the sheets rId1 and rId4 by these names."""
    sheets = "".join(_sheet(name, relation) for name, relation in zip(names, (1, 4), strict=False))
    return (
        f'<workbook xmlns="{MAIN}" xmlns:r="{_RELATIONS}"><workbookPr date1904="{int(date1904)}"/>'
        f"<sheets>{sheets}</sheets></workbook>"
    )


def styles(*codes: str) -> str:
    """Style 0 is general, 1 the built-in date, 2 and on have these codes."""
    formats = "".join(f'<numFmt numFmtId="{164 + n}" formatCode="{code}"/>' for n, code in enumerate(codes))
    own = "".join(f'<xf numFmtId="{164 + n}"/>' for n in range(len(codes)))
    return (
        f'<styleSheet xmlns="{MAIN}"><numFmts>{formats}</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
        f'<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/>{own}</cellXfs></styleSheet>'
    )


def _sheet(name: str, relation: int) -> str:
    return f'<sheet name="{name}" sheetId="{relation}" r:id="rId{relation}"/>'


def _related(relations: str) -> str:
    return f'<Relationships xmlns="{_PACKAGE}">{relations}</Relationships>'
