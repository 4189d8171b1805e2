"""Types: what is a value of each, what is not, and that values survive the spool."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tasks.refusal import Refusal
from tasks.report.data.cell_codecs import CellCodec, codec_of
from tasks.report.formats.columns import locale_of
from tasks.report.spec.structs import CellType, ColumnSpec, DocumentSpec

TOKYO = ZoneInfo("Asia/Tokyo")
LOCALE = locale_of(DocumentSpec(title="Test", timezone="Asia/Tokyo"))


def column(kind: CellType) -> CellCodec:
    return codec_of(ColumnSpec(field="value", type=kind), "columns.3", LOCALE, 100)


def read(kind: CellType, *texts: str) -> list[Any]:
    values, holes = column(kind).read(texts, "Line {}".format)
    assert holes == (None in values)
    return values


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("integer", "0", 0),
        ("integer", "-0012", -12),
        ("integer", "+5", 5),
        ("integer", " 7 ", 7),
        ("integer", "12.0", 12),
        ("integer", "1e3", 1000),
        ("integer", "9" * 30, int("9" * 30)),
        ("decimal", "0.1", Decimal("0.1")),
        ("decimal", "-.5", Decimal("-0.5")),
        ("decimal", "5.", Decimal(5)),
        ("decimal", "1.50", Decimal("1.50")),
        ("decimal", "1e-7", Decimal("1e-7")),
        ("decimal", "1E+20", Decimal(10**20)),
        ("decimal", "0e999", Decimal(0)),
        ("decimal", "1." + "3" * 40, Decimal("1." + "3" * 40)),
        ("money", "99999999999999999999.99", Decimal("99999999999999999999.99")),
        ("percent", "0.125", Decimal("0.125")),
        ("boolean", "true", True),
        ("boolean", "No", False),
        ("boolean", "1", True),
        ("boolean", " FALSE", False),
        ("date", "2026-02-28", date(2026, 2, 28)),
        ("date", "20260228", date(2026, 2, 28)),
        ("date", "2026-02-28T22:30:00", date(2026, 2, 28)),
        ("date", "2026-02-28T22:30:00Z", date(2026, 3, 1)),  # it is tomorrow already in Tokyo
        ("datetime", "2026-02-28T22:30:00Z", datetime(2026, 3, 1, 7, 30, tzinfo=TOKYO)),
        ("datetime", "2026-02-28T22:30:00+01:00", datetime(2026, 3, 1, 6, 30, tzinfo=TOKYO)),
        ("datetime", "2026-02-28 22:30", datetime(2026, 2, 28, 22, 30, tzinfo=TOKYO)),
        ("datetime", "2026-02-28", datetime(2026, 2, 28, tzinfo=TOKYO)),
    ],
)
def test_a_value_is_read_alone_and_among_others(kind: CellType, text: str, value: Any) -> None:
    assert read(kind, text) == [value]
    assert read(kind, text, "", text) == [value, None, value]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *(
            ("integer", text)
            for text in ("12.5", "1_000", "1,000", "0x10", "٣", "\uff11", "-", "--1", "1-2", "abc", "9" * 31)
        ),
        *(
            ("decimal", text)
            for text in ("NaN", "sNaN", "Infinity", "-inf", "1_000.5", "1,5", "1.2.3", ".", "1e", "€5")
        ),
        *(
            ("decimal", text)
            for text in ("1e30", "1e999999999", "-1e9999", "1e-41", "0." + "1" * 41, "1" * 101, "1\n2")
        ),
        *(("decimal", text) for text in ("\uff11.\uff15", "1 000", "1\u00a0000", "5%", "=1", "1\x00")),
        *(("boolean", text) for text in ("2", "y", "wahr", "on", "truth")),
        *(
            ("date", text)
            for text in ("2026-02-30", "28.02.2026", "2/28/2026", "2026", "0000-01-01", "10000-01-01", "now")
        ),
        *(
            ("datetime", text)
            for text in ("2026-02-28T25:00", "13:45", "1700000000", "yesterday", "2026-02-28T10:00+99:00")
        ),
        ("datetime", "0001-01-01T00:00:00+14:00"),  # before the first year there is none
    ],
)
def test_what_is_no_value_is_refused_with_its_place(kind: CellType, text: str) -> None:
    for texts, line in (([text], 0), (["", "", text, ""], 2)):
        with pytest.raises(Refusal) as caught:
            column(kind).read(texts, "Line {}".format)
        assert (caught.value.code, caught.value.field) == ("invalid_cell", "columns.3")
        assert caught.value.message.startswith(f"Line {line}, column 'value': ")
        assert " is n" in caught.value.message
        assert len(caught.value.message) < 400


def test_a_huge_exponent_costs_nothing() -> None:
    with pytest.raises(Refusal):
        read("decimal", "1e9999")
    with pytest.raises(Refusal):
        read("integer", "1e9999")


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("text", ["b", "", "a"]),
        ("integer", ["5", "", "-123456789012345678901234567890"]),
        ("decimal", ["1.50", "", "0.0000001", "-1e20"]),
        ("boolean", ["true", "", "false"]),
        ("date", ["2026-01-02", "", "0001-01-01"]),
        ("datetime", ["2026-01-02T03:04:05.678901Z", "", "1999-12-31T23:59:59"]),
    ],
)
def test_values_survive_the_spool(kind: CellType, texts: list[str]) -> None:
    cells = column(kind)
    values, _ = cells.read(texts, str)
    packed = cells.pack(values)
    assert packed[1] == ""
    assert "E" not in "".join(packed)
    assert cells.unpack(packed) == [value for value in values if value not in (None, "")]


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("text", ["Ähre", "apfel", "Zebra", "zoo", "あ", "東"]),
        ("integer", ["-5", "0", "7", "123456789012345678901"]),
        ("decimal", ["-1.50", "-1.49", "0", "0.00000000000000000001", "0.1", "0.10000000000000000001", "2"]),
        ("boolean", ["false", "true"]),
        ("date", ["1999-12-31", "2026-01-01"]),
        ("datetime", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z", "2026-01-01T00:30:00-01:00"]),
    ],
)
def test_values_are_put_into_their_order(kind: CellType, texts: list[str]) -> None:
    cells = column(kind)
    values, _ = cells.read(texts, str)
    keys = cells.sort_keys(values)
    assert sorted(keys) == keys
    assert len(set(keys)) == len(keys)
    assert cells.sort_keys(cells.read([""], str)[0]) == [None]
