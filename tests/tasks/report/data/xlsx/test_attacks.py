"""Workbooks that were made to do harm are refused, or read at the cost of what is really in them."""

import io
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from tasks.refusal import Refusal
from tasks.report.data.workbooks.sheet_rows import column_letters
from tasks.report.data.xlsx import archive as archive_module
from tasks.report.data.xlsx import strings as strings_module
from tests.support.report.rendering import LIMITS
from tests.support.report.tables import cells, dataset, opened
from tests.support.report.workbooks import MAIN, inline, number, pack, sheet, styles

AB = f'<row r="1">{inline("A1", "a")}{inline("B1", "b")}</row>'
MiB = 1024 * 1024


def read(path: Path) -> list[tuple[str, ...]]:
    return cells(opened(dataset(path), [{"field": "a"}, {"field": "b"}], path.parent))


def refused(path: Path) -> Refusal:
    tracemalloc.start()
    try:
        with pytest.raises(Refusal) as caught:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 40 * MiB
    finally:
        tracemalloc.stop()
    return caught.value


def sharing(count: int, chars: int) -> tuple[str, dict[str, str]]:
    """The rows and parts of a sheet whose first column has `count` cells that share one text."""
    shared = f'<sst xmlns="{MAIN}"><si><t>{"x" * chars}</t></si></sst>'
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(2, count + 2))
    return AB + rows, {"xl/sharedStrings.xml": shared}


@pytest.mark.parametrize("chars", [100_000, 9_000])
def test_many_cells_that_share_a_long_text_are_refused_while_they_are_read(tmp_path: Path, chars: int) -> None:
    """A file of 104 KB with 2 GB of text held a slot for ten minutes."""
    path = pack(tmp_path / "data.xlsx", *sharing(20_000, chars))
    assert path.stat().st_size < 150_000
    refusal = refused(path)
    assert (refusal.code, refusal.limit) == ("too_much_text", LIMITS["max_report_text_mb"])
    assert "MAX_REPORT_TEXT_MB" in refusal.message
    began = time.process_time()
    with pytest.raises(Refusal):
        read(path)
    assert time.process_time() - began < 1.5


def test_two_cells_in_the_corners_of_the_sheet_cost_two_cells(tmp_path: Path) -> None:
    """2 KB that made a reader of whole grids ask for 550 GB."""
    rows = f'{AB}<row r="1048576">{number("A1048576", "1")}{number("XFD1048576", "2")}</row>'
    path = pack(tmp_path / "data.xlsx", "", {"xl/worksheets/sheet1.xml": sheet(rows, "A1:XFD1048576")})
    tracemalloc.start()
    try:
        assert read(path) == [("1", "")]
        assert tracemalloc.get_traced_memory()[1] < 10 * MiB
    finally:
        tracemalloc.stop()


def test_thousands_of_headings_are_too_many_columns(tmp_path: Path) -> None:
    headings = "".join(inline(f"{column_letters(column)}1", "a") for column in range(2_001))
    assert refused(pack(tmp_path / "data.xlsx", f'<row r="1">{headings}</row>')).code == "too_many_columns"


@pytest.mark.parametrize("reference", ["XFE1", "ZZZZZZZ1", "1", "$A$1", "А1", "", "A-1"])  # noqa: RUF001 - a Cyrillic A
def test_a_cell_outside_every_sheet_is_refused(tmp_path: Path, reference: str) -> None:
    assert (
        refused(pack(tmp_path / "data.xlsx", f'<row r="1">{inline(reference, "a")}</row>')).code == "malformed_dataset"
    )


@pytest.mark.parametrize("row", ["1048577", "0", "-5", "1", "99999999999999999999", "x"])
def test_a_row_outside_every_sheet_or_out_of_order_is_refused(tmp_path: Path, row: str) -> None:
    assert (
        refused(pack(tmp_path / "data.xlsx", f'{AB}<row r="{row}">{inline("A2", "x")}</row>')).code
        == "malformed_dataset"
    )


def test_what_the_sheet_says_of_its_size_is_not_believed(tmp_path: Path) -> None:
    rows = AB + "".join(f'<row r="{n}">{number(f"A{n}", "1")}</row>' for n in range(2, 50))
    path = pack(tmp_path / "data.xlsx", "", {"xl/worksheets/sheet1.xml": sheet(rows, "A1")})
    assert len(read(path)) == 48
    with pytest.raises(Refusal) as caught:
        opened(dataset(path), [{"field": "a"}], tmp_path, limits={**LIMITS, "max_report_rows": 47})
    assert caught.value.code == "too_many_rows"


def test_a_part_that_unpacks_to_a_thousand_times_its_size_is_refused_unread(tmp_path: Path) -> None:
    path = pack(tmp_path / "data.xlsx", AB + " " * (64 * MiB))
    assert path.stat().st_size < MiB
    refusal = refused(path)
    assert (refusal.code, refusal.limit) == ("too_much_data", archive_module.MAX_RATIO)


def test_parts_that_unpack_to_too_much_together_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "MAX_UNPACKED_BYTES", 100_000)
    parts = {f"xl/media/{number}.bin": "x" * 10_000 for number in range(12)}
    assert refused(pack(tmp_path / "data.xlsx", AB, parts)).code == "too_much_data"


def test_thousands_of_parts_are_refused(tmp_path: Path) -> None:
    assert refused(pack(tmp_path / "data.xlsx", AB, {f"p{n}": "" for n in range(3_000)})).code == "too_much_data"


def test_a_directory_of_millions_of_entries_is_refused_unread(tmp_path: Path) -> None:
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 3, 20, 0, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    count = 60_000
    directory = entry * count
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), 0, 0)
    (tmp_path / "data.xlsx").write_bytes(directory + end)
    assert refused(tmp_path / "data.xlsx").code == "too_much_data"


def test_a_part_that_holds_more_than_its_directory_says_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "data.xlsx", AB + "".join(f'<row r="{n}"/>' for n in range(2, 20_000)))
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        real = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    path.write_bytes(content.replace(struct.pack("<L", real), struct.pack("<L", 900)))
    assert refused(path).code == "malformed_dataset"


@pytest.mark.parametrize(
    "name", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml", "xl/styles.xml"]
)
@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd">',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1/x"> %p;]>',
    ],
)
def test_a_document_type_is_refused_in_every_part(tmp_path: Path, name: str, doctype: str) -> None:
    whole = {
        "xl/worksheets/sheet1.xml": sheet(f'{AB}<row r="2">{inline("A2", "&b;")}</row>'),
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"><si><t>&b;</t></si></sst>',
        "xl/workbook.xml": "<workbook/>",
        "xl/styles.xml": styles(),
    }
    refusal = refused(pack(tmp_path / "data.xlsx", AB, {name: doctype + whole[name]}))
    assert refusal.code == "malformed_dataset"
    assert "document type" in refusal.message


def test_an_entity_without_a_document_type_is_refused(tmp_path: Path) -> None:
    assert refused(pack(tmp_path / "data.xlsx", f'<row r="1">{inline("A1", "&b;")}</row>')).code == "malformed_dataset"


def test_a_cell_of_megabytes_is_refused_while_it_is_read(tmp_path: Path) -> None:
    text = "".join(chr(97 + n * 7919 % 26) for n in range(300_000))
    assert refused(pack(tmp_path / "data.xlsx", f'<row r="1">{inline("A1", text)}</row>')).code == "cell_too_long"
    many = "<r><t>" + f"{text[:1_000]}</t></r><r><t>" * 300 + "</t></r>"
    row = f'<row r="1"><c r="A1" t="inlineStr"><is>{many}</is></c></row>'
    assert refused(pack(tmp_path / "data.xlsx", row)).code == "cell_too_long"


def test_a_text_that_all_cells_share_is_not_multiplied_in_memory(tmp_path: Path) -> None:
    """30 KB of workbook that would be 600 MB of text."""
    strings = f'<sst xmlns="{MAIN}"><si><t>a</t></si><si><t>b</t></si><si><t>{"x" * 100_000}</t></si></sst>'
    cell = '<c t="s"><v>2</v></c>'
    rows = '<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row>' + f"<row>{cell}{cell}</row>" * 3_000
    path = pack(tmp_path / "data.xlsx", rows, {"xl/sharedStrings.xml": strings})
    limits = {**LIMITS, "max_report_text_mb": 1_000}
    tracemalloc.start()
    try:
        rows_read = opened(
            dataset(path), [{"field": "a"}, {"field": "b"}], tmp_path, limits=limits, sort=[{"field": "a"}]
        )
        assert tracemalloc.get_traced_memory()[1] < 40 * MiB
    finally:
        tracemalloc.stop()
    assert rows_read.count == 3_000


def test_a_row_of_megabytes_is_refused_while_it_is_read(tmp_path: Path) -> None:
    text = "".join(chr(97 + n * 7919 % 26) for n in range(100_000))
    cells_there = "".join(inline(f"A{letter}1", text) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ") * 3
    assert refused(pack(tmp_path / "data.xlsx", f'<row r="1">{cells_there}')).code == "cell_too_long"


@pytest.mark.parametrize(("limit", "allowed"), [("MAX_TEXTS", 100), ("MAX_BYTES", 1_000)])
def test_shared_texts_beyond_their_limit_are_refused(
    tmp_path: Path, limit: str, allowed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strings_module, limit, allowed)
    strings = f'<sst xmlns="{MAIN}">{"<si><t>twenty characters, ok</t></si>" * 101}</sst>'
    assert refused(pack(tmp_path / "data.xlsx", AB, {"xl/sharedStrings.xml": strings})).code == "too_much_data"
    assert [path.name for path in tmp_path.iterdir()] == ["data.xlsx"]


@pytest.mark.parametrize("name", ["xl/workbook.xml", "xl/styles.xml"])
def test_a_table_of_contents_of_megabytes_is_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_module, "HARMLESS_BYTES", 1 << 40)
    path = pack(tmp_path / "data.xlsx", AB, {name: "<styleSheet>" + "<xf/>" * 8_000_000})
    assert refused(path).code == "too_much_data"


def test_a_tag_of_megabytes_is_refused_while_it_is_read(tmp_path: Path) -> None:
    attribute = "".join(chr(97 + n * 7919 % 26) for n in range(1_000_003)) * 6
    assert refused(pack(tmp_path / "data.xlsx", f'<row r="1" spans="{attribute}">')).code == "malformed_dataset"


def test_nesting_of_any_depth_costs_nothing(tmp_path: Path) -> None:
    assert refused(pack(tmp_path / "data.xlsx", "<x>" * 100_000)).code == "malformed_dataset"
    assert read(pack(tmp_path / "deep.xlsx", AB + "<x>" * 50_000 + "</x>" * 50_000)) == []


@pytest.mark.parametrize("value", ["1e999", "nan", "1e400000000", "-99999999", "99999999", "x"])
def test_a_date_out_of_range_is_shown_as_its_number_and_is_no_date(tmp_path: Path, value: str) -> None:
    path = pack(tmp_path / "data.xlsx", f'{AB}<row r="2">{number("A2", value, 1)}</row>')
    assert read(path) == [(value, "")]
    with pytest.raises(Refusal) as caught:
        opened(dataset(path), [{"field": "a", "type": "date"}], tmp_path)
    assert caught.value.code == "invalid_cell"
    assert caught.value.message.startswith("Row 2, column 'a': ")


def test_a_number_of_thousands_of_digits_is_no_number(tmp_path: Path) -> None:
    path = pack(tmp_path / "data.xlsx", f'{AB}<row r="2">{number("A2", "9" * 100_000)}</row>')
    with pytest.raises(Refusal) as caught:
        opened(dataset(path), [{"field": "a", "type": "decimal"}], tmp_path)
    assert caught.value.code == "invalid_cell"


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", b"a,b\n1,2\n", b"\x00" * 100_000, b"PK\x05\x06" + b"\x00" * 18, b"PK\x05\x06" + b"\xff" * 18],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.xlsx").write_bytes(content)
    assert refused(tmp_path / "data.xlsx").code == "malformed_dataset"


def test_an_xlsb_workbook_is_refused_by_its_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.bin", b"\x83\x01")
    refusal = refused(tmp_path / "data.xlsx")
    assert (refusal.code, refusal.field) == ("malformed_dataset", "format")
    assert "XLSB" in refusal.message
    assert "Save it as XLSX" in refusal.message


def test_a_workbook_with_a_password_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    (tmp_path / "data.xlsx").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + b"\x00" * 4_096)
    refusal = refused(tmp_path / "data.xlsx")
    assert refusal.code == "malformed_dataset"
    assert "password" in refusal.message


@pytest.mark.parametrize(
    "name", ["_rels/.rels", "xl/_rels/workbook.xml.rels", "xl/workbook.xml", "xl/worksheets/sheet1.xml"]
)
@pytest.mark.parametrize("markup", ["", "no xml", "<a><b></a>", "<a/>"])
def test_a_damaged_part_is_refused(tmp_path: Path, name: str, markup: str) -> None:
    path = pack(tmp_path / "data.xlsx", AB, {name: markup})
    if (name, markup) == ("_rels/.rels", "<a/>"):
        assert read(path) == []  # the workbook is where it always is
    else:
        assert refused(path).code == "malformed_dataset"


def test_a_relation_leads_to_no_file_outside_the_archive(tmp_path: Path) -> None:
    outside = tmp_path / "outside.xml"
    outside.write_text(sheet(AB))
    path = pack(tmp_path / "data.xlsx", AB)
    copy = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w") as other:
        for name in archive.namelist():
            markup = archive.read(name)
            other.writestr(name, markup.replace(b"worksheets/sheet1.xml", b"../../../../.." + str(outside).encode()))
    path.write_bytes(copy.getvalue())
    assert refused(path).code == "malformed_dataset"


def test_every_cut_and_every_flipped_byte_is_read_or_refused(tmp_path: Path) -> None:
    rows = AB + "".join(f'<row r="{n}">{number(f"A{n}", "1", 1)}{inline(f"B{n}", "text")}</row>' for n in range(2, 9))
    content = pack(tmp_path / "whole.xlsx", rows).read_bytes()
    path = tmp_path / "data.xlsx"
    for place in range(0, len(content), 7):
        for broken in (content[:place], content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :]):
            path.write_bytes(broken)
            try:
                assert len(read(path)) <= 7
            except Refusal as refusal:
                assert refusal.message  # noqa: PT017 - either outcome is right, nothing else is
