"""A workbook's table of contents: its sheets, and where its texts and styles are."""

import posixpath
from dataclasses import dataclass
from typing import Final

from tasks.refusal import Refusal
from tasks.report.data.xlsx.archive import MAX_CONTENTS_BYTES, Archive
from tasks.report.data.xlsx.markup import ignore, read_all

_ROOT_RELATIONS: Final = "_rels/.rels"


@dataclass(frozen=True, slots=True)
class SheetPart:
    """A sheet: its name, its part of the file, and whether it is hidden."""

    name: str
    part: str
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class Workbook:
    """What a workbook consists of. starts_1904: its days are counted from 1904, not 1900."""

    sheets: list[SheetPart]
    strings: str | None
    styles: str | None
    starts_1904: bool


def read_workbook(archive: Archive) -> Workbook:
    """List the parts. Raises: Refusal `malformed_dataset`."""
    root = _relations(archive, _ROOT_RELATIONS, "")
    book = next((target for kind, target in root.values() if kind == "officeDocument"), "xl/workbook.xml")
    folder, file = posixpath.split(book)
    relations = _relations(archive, posixpath.join(folder, "_rels", f"{file}.rels"), folder)
    by_kind = dict(relations.values())
    listed, starts_1904 = _sheets(archive, book)
    sheets = [
        SheetPart(name, relations[relation][1], is_hidden)
        for name, relation, is_hidden in listed
        if relation in relations and relations[relation][0] == "worksheet"
    ]
    if not sheets:
        raise Refusal("malformed_dataset", "The workbook has no sheet with cells. Save the data in a sheet.")
    return Workbook(sheets, by_kind.get("sharedStrings"), by_kind.get("styles"), starts_1904)


def _sheets(archive: Archive, book: str) -> tuple[list[tuple[str, str, bool]], bool]:
    sheets: list[tuple[str, str, bool]] = []
    starts_1904 = False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal starts_1904
        if name == "sheet":
            relation = next((value for key, value in attributes.items() if key.endswith(":id")), "")
            is_hidden = attributes.get("state", "visible") != "visible"
            sheets.append((attributes.get("name", ""), relation, is_hidden))
        elif name == "workbookPr":
            starts_1904 = attributes.get("date1904") in ("1", "true")

    _read_small(archive, book, start)
    return sheets, starts_1904


def _relations(archive: Archive, name: str, folder: str) -> dict[str, tuple[str, str]]:
    """Id -> what kind of part it is, and its name."""
    found: dict[str, tuple[str, str]] = {}

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            kind = attributes.get("Type", "").rpartition("/")[2]
            target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", "")))
            found[attributes.get("Id", "")] = (kind, target.lstrip("/"))

    _read_small(archive, name, start)
    return found


def _read_small(archive: Archive, name: str, start: object) -> None:
    with archive.open(name, MAX_CONTENTS_BYTES) as part:
        read_all(part, start, ignore, ignore)  # type: ignore[arg-type]
