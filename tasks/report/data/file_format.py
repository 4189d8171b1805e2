"""What the file of a table is by its bytes, and whether that is what the spec says."""

import re
from contextlib import closing
from pathlib import Path
from typing import Final

from tasks.refusal import Refusal
from tasks.report.data.xlsx.archive import Archive

_HEAD_BYTES: Final = 1 << 12
_ZIP: Final = (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06")
_OLE: Final = bytes.fromhex("d0cf11e0a1b11ae1")
_OTHERS: Final = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"{\\rtf", "an RTF document"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<table", "a web page"),
    (b"<?xml", "XML"),
)
_ARRAY: Final = re.compile(rb"\[\s*[{\]]")
_OBJECT: Final = re.compile(rb"\{\s*[\"}]")
_SPACE: Final = b" \t\r\n\xef\xbb\xbf"
_TEXT: Final = frozenset({"csv", "tsv", "ndjson", "json"})
_PARTS: Final = (("xl/workbook.bin", "xlsb"), ("content.xml", "ods"))


def find_format(path: str, said: str = "auto") -> str:
    """The format of a file: `csv`, `tsv`, `ndjson`, `json`, `xlsx`, `xls` or `ods`.

    Args:
        path: The file.
        said: What the spec says. A workbook is of the kind that its bytes show, whichever kind is said.

    Raises:
        Refusal: `malformed_dataset` if it is none of these, or a workbook where the spec says text, and the reverse.
    """
    with Path(path).open("rb") as file:
        head = file.read(_HEAD_BYTES)
    workbook = "xls" if head.startswith(_OLE) else _packed(path) if head.startswith(_ZIP) else None
    if workbook == "xlsb":
        message = "The dataset is an XLSB workbook, which cannot be read. Save it as XLSX, XLS, ODS or CSV."
        raise Refusal("malformed_dataset", message, field="format")
    if workbook is not None:
        if said in _TEXT:
            message = f"The dataset is a workbook ({workbook.upper()}), not {said.upper()}. Set its format to auto."
            raise Refusal("malformed_dataset", message, field="format")
        return workbook
    start = head.lstrip(_SPACE)
    other = next((name for mark, name in _OTHERS if start[: len(mark)].lower() == mark.lower()), None)
    if other is not None and said not in _TEXT:
        message = f"The dataset is {other}, no table. Save it as XLSX, ODS, CSV or NDJSON."
        raise Refusal("malformed_dataset", message, field="format")
    if said in _TEXT:
        return said
    if said != "auto":
        message = (
            f"The dataset is no {said.upper()} workbook, or it is damaged. Set its format to auto, or save it again."
        )
        raise Refusal("malformed_dataset", message, field="format")
    start = start.replace(b"\0", b"").lstrip(b"\xff\xfe" + _SPACE)
    return "json" if _ARRAY.match(start) else "ndjson" if _OBJECT.match(start) else "csv"


def _packed(path: str) -> str:
    with closing(Archive(path)) as archive:
        return next((kind for part, kind in _PARTS if part in archive), "xlsx")
