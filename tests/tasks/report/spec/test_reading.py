"""From bytes to a spec: exact numbers, and faults in the words of the one who wrote it."""

import json
from typing import Any

import pytest

from tasks.refusal import Refusal
from tasks.report.spec.document import Spec
from tasks.report.spec.reading import MAX_OBJECTS, read_json, read_spec, schema

DOCUMENT = {"title": "t"}


def body(*blocks: Any, **more: Any) -> bytes:
    return json.dumps({"document": DOCUMENT, "blocks": list(blocks), **more}).encode()


def table(**said: Any) -> dict[str, Any]:
    return {"type": "table", "columns": [{"field": "a"}], "rows": [{"a": 1}], **said}


PLACES = {
    "a choice": (table(columns=[{"field": "a", "width": "x"}]), "blocks.0.columns.0.width"),
    "a field called as its block": ({"type": "text", "text": 5}, "blocks.0.text"),
    "beside a field called as its block": ({"type": "text", "text": "a", "align": "x"}, "blocks.0.align"),
    "a missing field called as its block": ({"type": "text"}, "blocks.0.text"),
    "one of two ways, gone further": ({"type": "list", "items": ["a", [{"text": 1}]]}, "blocks.0.items.1.0.text"),
    "deep in columns": (
        {"type": "columns", "columns": [[], [table(columns=[{"field": ""}])]]},
        "blocks.0.columns.1.0.columns.0.field",
    ),
    "deep in a section": (
        {"type": "section", "orientation": "landscape", "blocks": [{"type": "rule", "colour": "red"}]},
        "blocks.0.blocks.0.colour",
    ),
    "an unknown field": ({"type": "rule", "color": "ink"}, "blocks.0.color"),
    "an unknown block": ({"type": "tabel"}, "blocks.0.type"),
    "a block of no type": ({"text": "a"}, "blocks.0.type"),
    "no block": (5, "blocks.0"),
    "a cell that is a list": (table(rows=[{"a": 1}, {"a": []}]), "blocks.0.rows.1.a"),
    "a cell without end": (table(rows=[{"a": "1"}, {"type": None}], rules=1), "blocks.0.rules"),
    "the whole block": (table(rows=None), "blocks.0"),
    "a column twice": (table(columns=[{"field": "a"}, {"field": "a"}]), "blocks.0"),
    "a rule of a column": (table(columns=[{"field": "a", "rules": [{"op": "~"}]}]), "blocks.0.columns.0.rules.0.op"),
    "a reference of two kinds": ({"type": "image", "source": {"upload": "0" * 32, "job": "0" * 32}}, "blocks.0.source"),
}


@pytest.mark.parametrize("case", PLACES)
def test_a_fault_is_where_the_writer_sees_it(case: str) -> None:
    block, field = PLACES[case]
    with pytest.raises(Refusal) as caught:
        read_spec(body(block))
    assert (caught.value.code, caught.value.field) == ("invalid_request", field)
    assert caught.value.message.startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"title": ""}, "document.title"),
        ({"title": "t", "page": {"size": [72, 1e6]}}, "document.page.size.1"),
        ({"title": "t", "page": {"margins": {"left": 300, "right": 300}}}, "document.page"),
        ({"title": "t", "theme": {"accent": "blue"}}, "document.theme.accent"),
        ({"title": "t", "cover": {"logo": {}}}, "document.cover.logo"),
    ],
)
def test_a_fault_of_the_document_is_too(document: dict[str, Any], field: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_spec(json.dumps({"document": document, "blocks": [{"type": "rule"}]}).encode())
    assert caught.value.field == field


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e400"])
def test_numbers_are_finite(number: str) -> None:
    with pytest.raises(Refusal, match="not a finite number"):
        read_json(b'{"a": [%s]}' % number.encode())


def test_numbers_are_exact() -> None:
    assert read_json(b"[0.1, 1.5e3, 0.30000000000000004]") == [0.1, 1500.0, 0.30000000000000004]
    assert read_json(b"[12345678901234567.89, 123456789012345678901234567890]") == [
        "12345678901234567.89",
        123456789012345678901234567890,
    ]
    spec = read_spec(body(table(rows=[{"a": "x"}])).replace(b'"x"', b"12345678901234567.89"))
    assert spec.model_dump()["blocks"][0]["rows"] == [{"a": "12345678901234567.89"}]


def test_cells_keep_their_types() -> None:
    rows: list[dict[str, Any]] = [{"a": "00123"}, {"a": 123}, {"a": 1.0}, {"a": True}, {"a": None}]
    dumped = read_spec(body(table(rows=rows))).model_dump(mode="json")["blocks"][0]["rows"]
    assert [(type(row["a"]), row["a"]) for row in dumped] == [(type(row["a"]), row["a"]) for row in rows]


def test_half_a_surrogate_pair_is_replaced_and_a_whole_one_is_kept() -> None:
    assert read_json(rb'["\ud800x", "x\uDC00", "\ud83d\ude00", "\\ud800"]') == ["\ufffdx", "x\ufffd", "😀", "\\ud800"]


@pytest.mark.parametrize("bomb", [b"[" * 100_000, b'{"a":' * 50_000, b'{"document": ' + b"[" * 5_000_000])
def test_depth_is_refused_quickly(bomb: bytes) -> None:
    with pytest.raises(Refusal):
        read_spec(bomb)


def test_many_objects_are_refused_before_they_are_made() -> None:
    with pytest.raises(Refusal) as caught:
        read_spec(b"{" * (MAX_OBJECTS + 1))
    assert caught.value.code == "too_many_objects"


def test_every_column_is_shown_where_none_is_named() -> None:
    datasets = {"d": {"upload": "0" * 32, "format": "csv"}}
    bare = {"type": "table", "dataset": "d"}
    some = {**bare, "columns": [{"field": "a"}]}
    blocks = read_spec(body(bare, some, {**some, "every_column": True}, datasets=datasets)).model_dump()["blocks"]
    assert [block["every_column"] for block in blocks] == [True, False, True]
    for wrong in ({**bare, "every_column": False}, table(every_column=True), table(columns=[])):
        with pytest.raises(Refusal, match="needs columns"):
            read_spec(body(wrong, datasets=datasets))


def test_the_schema_is_of_a_spec() -> None:
    made = schema()
    assert made["$schema"].startswith("https://json-schema.org/")
    assert made["properties"].keys() == Spec.model_fields.keys()
    assert not any("__" in name for name in made["$defs"]), "two models have the same name"
