"""XLS: read like every other workbook. The inputs are written here, record by record, in the form of Excel 95."""

import struct
from pathlib import Path
from typing import Any

import pytest

from tasks.refusal import Refusal
from tests.support.report.tables import cells, dataset, opened

_SECTOR = 512


def record(kind: int, content: bytes) -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def label(row: int, column: int, text: str, style: int = 0) -> bytes:
    raw = text.encode("cp1252")
    return record(0x0204, struct.pack("<HHHH", row, column, style, len(raw)) + raw)


def number(row: int, column: int, value: float, style: int = 0) -> bytes:
    return record(0x0203, struct.pack("<HHHd", row, column, style, value))


def boolean(row: int, column: int, value: int) -> bytes:
    return record(0x0205, struct.pack("<HHHBB", row, column, 0, value, 0))


def hidden_row(row: int) -> bytes:
    return record(0x0208, struct.pack("<HHHHHHHH", row, 0, 9, 255, 0, 0, 0x0020, 0))


def hidden_column(column: int) -> bytes:
    return record(0x007D, struct.pack("<HHHHHH", column, column, 2000, 0, 1, 0))


def pack(folder: Path, *sheets: tuple[str, int, bytes], formats: tuple[str, ...] = ()) -> Path:
    """A workbook. sheets: name, whether it is hidden, records. formats: style n + 1 has the n-th of these."""
    begin = {kind: record(0x0809, struct.pack("<HHHH", 0x0500, kind, 0x1000, 1996)) for kind in (0x0005, 0x0010)}
    end, codepage = record(0x000A, b""), record(0x0042, struct.pack("<H", 1252))
    font = record(0x0031, struct.pack("<HHHHHBBBB", 200, 0, 0, 400, 0, 0, 0, 0, 0) + b"\x05Arial")
    codes = b"".join(
        record(0x041E, struct.pack("<HB", 164 + n, len(code)) + code.encode("cp1252")) for n, code in enumerate(formats)
    )
    styles = b"".join(
        record(0x00E0, struct.pack("<HHHHHHHH", 0, key, 1, 0x20, 0, 0, 0, 0))
        for key in (0, *(164 + n for n in range(len(formats))))
    )
    first = begin[0x0005] + codepage + font + codes + styles
    names = [struct.pack("<BBB", hidden, 0, len(name)) + name.encode("cp1252") for name, hidden, _ in sheets]
    offset = len(first) + sum(4 + 4 + len(name) for name in names) + len(end)
    directory, bodies = b"", b""
    for name, (_, _, records) in zip(names, sheets, strict=True):
        directory += record(0x0085, struct.pack("<I", offset + len(bodies)) + name)
        bodies += begin[0x0010] + records + end
    (folder / "data.xls").write_bytes(ole(first + directory + end + bodies))
    return folder / "data.xls"


def ole(stream: bytes) -> bytes:
    """A compound file of one stream, `Book`."""
    stream = stream.ljust(max(4096, -(-len(stream) // _SECTOR) * _SECTOR), b"\0")
    sectors = len(stream) // _SECTOR
    table = [*range(1, sectors), 0xFFFFFFFE, 0xFFFFFFFE, 0xFFFFFFFD]  # the stream, the directory, this table
    assert len(table) <= _SECTOR // 4
    entries = b"".join(
        name.encode("utf-16-le").ljust(64, b"\0")
        + struct.pack("<HBBIII", 2 * len(name) + 2, kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child)
        + bytes(36)
        + struct.pack("<III", start, size, 0)
        for name, kind, child, start, size in (
            ("Root Entry\0"[:-1], 5, 1, 0xFFFFFFFE, 0),
            ("Book", 2, 0xFFFFFFFF, 0, len(stream)),
        )
    ).ljust(_SECTOR, b"\0")
    head = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16)
    head += struct.pack(
        "<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, sectors, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0
    )
    head += struct.pack("<I", sectors + 1) + b"\xff" * (4 * 108)
    fat = struct.pack(f"<{len(table)}I", *table).ljust(_SECTOR, b"\xff")
    return head + stream + entries + fat


def read(path: Path, types: dict[str, str] | None = None, **said: Any) -> tuple[list[tuple[str, ...]], dict[str, str]]:
    told = list[tuple[str, str]]()
    columns = [{"field": field, "type": kind} for field, kind in (types or {}).items()]
    rows = opened(dataset(path, **said), columns, path.parent, warnings=told, every_column=True)
    return [tuple(column.title for column in rows.columns), *cells(rows)], dict(told)


FORMATS = ("0.0%", "[h]:mm", "00000", "yyyy\\-mm\\-dd")


def test_cells_are_as_the_sheet_shows_them(tmp_path: Path) -> None:
    records = label(0, 0, "Titel") + label(1, 0, "a") + label(1, 1, "ä")
    values = (0.075, 1.5625, 1234, 46027)
    records += b"".join(label(n + 2, 0, FORMATS[n]) + number(n + 2, 1, value, n + 1) for n, value in enumerate(values))
    path = pack(tmp_path, ("One", 0, records + label(6, 0, "bool") + boolean(6, 1, 1)), formats=FORMATS)
    rows, warnings = read(path)
    assert [row[1] for row in rows] == ["ä", "7.5%", "37:30", "01234", "2026-01-05", "TRUE"]
    assert warnings.keys() == {"rows_above_headings"}


def test_typed_columns_get_the_value(tmp_path: Path) -> None:
    records = label(0, 0, "a") + label(0, 1, "b") + number(1, 0, 0.075, 1) + number(1, 1, 46027, 4)
    path = pack(tmp_path, ("One", 0, records), formats=FORMATS)
    rows, _ = read(path, {"a": "decimal", "b": "date"})
    assert rows[1] == ("0.075", "Jan 5, 2026")


def test_what_is_hidden_is_left_out_and_counted(tmp_path: Path) -> None:
    records = hidden_row(1) + hidden_column(1) + b"".join(label(n // 3, n % 3, f"c{n}") for n in range(9))
    path = pack(tmp_path, ("Secret", 1, label(0, 0, "salary")), ("Shown", 0, records), ("Empty", 0, b""))
    rows, warnings = read(path)
    assert rows == [("c0", "c2"), ("c6", "c8")]
    assert warnings["hidden_left_out"].startswith("1 hidden row, 1 hidden column, 1 hidden sheet ('Secret')")
    assert read(path, include_hidden=True)[0] == [("salary",)]
    assert read(path, sheet="Shown", include_hidden=True)[0][1] == ("c3", "c4", "c5")


def test_a_file_of_the_wrong_name_is_read_as_what_it_is(tmp_path: Path) -> None:
    path = pack(tmp_path, ("One", 0, label(0, 0, "a") + number(1, 0, 5)))
    for kind in ("auto", "xlsx"):
        assert read(path, format=kind)[0] == [("a",), ("5",)]
    with pytest.raises(Refusal) as caught:
        read(path, format="csv")
    assert "workbook (XLS)" in caught.value.message


@pytest.mark.parametrize("length", [8, 600, 1500, 4000])
def test_a_damaged_workbook_is_refused(tmp_path: Path, length: int) -> None:
    path = pack(tmp_path, ("One", 0, label(0, 0, "a")))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(Refusal) as caught:
        read(path)
    assert caught.value.code == "malformed_dataset"
