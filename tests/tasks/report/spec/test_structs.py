"""The structs that the engine reads agree with the models that the API checks."""

import json
import types
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest
from pydantic import BaseModel

from tasks.report.render_job import StoredRequest
from tasks.report.request import ReportRequest
from tasks.report.spec import blocks, document, parts, structs, table
from tasks.report.spec.document import Spec
from tasks.report.spec.structs import (
    HeadingBlock,
    ReportBlock,
    ReportSpec,
    SectionBlock,
    TextBlock,
    all_blocks,
    decode_spec,
    picture_refs,
)
from tools import samples

PARTS = {
    "Spec": "ReportSpec", "Document": "DocumentSpec", "PageSetup": "PageSpec", "Margins": "MarginsSpec",
    "Theme": "ThemeSpec", "Band": "BandSpec", "Cover": "CoverSpec", "Toc": "TocSpec", "Dataset": "DatasetSpec",
    "FileRef": "PictureRef", "TextRun": "RunSpec", "Kpi": "KpiSpec", "Series": "SeriesSpec",
    "SheetImage": "SheetImageSpec", "Column": "ColumnSpec", "CellRule": "CellRuleSpec", "Sort": "SortSpec",
    "Group": "GroupSpec",
}  # fmt: skip
"""Model -> the struct that has another name than `…Block`."""


def models() -> Iterator[type[BaseModel]]:
    for module in (blocks, document, parts, table):
        for one in vars(module).values():
            own = isinstance(one, type) and issubclass(one, BaseModel) and one.__module__ == module.__name__
            if own and one is not parts.Strict:
                yield one


def struct_of(model: type[BaseModel]) -> type[msgspec.Struct]:
    found: type[msgspec.Struct] = getattr(structs, PARTS.get(model.__name__, f"{model.__name__}Block"))
    return found


@pytest.mark.parametrize("model", list(models()), ids=lambda model: model.__name__)
def test_a_struct_has_the_fields_and_the_defaults_of_its_model(model: type[BaseModel]) -> None:
    struct = msgspec.inspect.type_info(struct_of(model))
    assert isinstance(struct, msgspec.inspect.StructType)
    fields = {field.name: field for field in struct.fields}
    assert fields.keys() == model.model_fields.keys() - {"type"} | ({"type"} & fields.keys())
    if struct.tag_field and struct.tag:
        assert model.model_fields["type"].default == struct.tag
    for name, field in fields.items():
        wanted = model.model_fields[name]
        assert field.required == wanted.is_required(), name
        if not field.required and name != "every_column":  # whose default depends on other fields
            factory = field.default_factory is not msgspec.NODEFAULT
            default = field.default_factory() if factory else field.default
            expected = wanted.get_default(call_default_factory=True)
            assert json.loads(msgspec.json.encode(default)) == json.loads(json.dumps(expected, default=_dumped)), name


def _dumped(value: BaseModel) -> Any:
    return value.model_dump(mode="json")


@pytest.mark.parametrize("name", samples.names())
def test_every_field_of_a_spec_arrives(name: str) -> None:
    text = samples.spec(name).model_dump_json().encode()
    assert json.loads(msgspec.json.encode(decode_spec(text))) == json.loads(text)


def test_numbers_of_rows_keep_their_digits() -> None:
    rows = [{"a": 123456789012345678901234567890, "b": 0.1, "c": "00.10", "d": True, "e": None, "f": 1.0}]
    spec = {"blocks": [{"type": "table", "columns": [{"field": "a"}], "rows": rows}], "document": {"title": "t"}}
    (block,) = decode_spec(Spec.model_validate(spec).model_dump_json().encode()).blocks
    assert repr(getattr(block, "rows")[0]) == repr(rows[0])  # noqa: B009 - of whatever type the block is


def test_jobs_of_older_and_newer_processes_are_read() -> None:
    older = b'{"document": {"title": "t"}, "blocks": [{"type": "heading", "text": "x"}]}'
    newer = (
        b'{"document": {"title": "t", "new": 1}, "blocks": [{"type": "heading", "text": "x", "new": {}}], "new": []}'
    )
    expected = ReportSpec(document=decode_spec(older).document, blocks=(HeadingBlock(text="x"),))
    assert decode_spec(older) == decode_spec(newer) == expected


def test_a_stored_request_is_read_as_the_api_writes_it_and_its_spec_left_as_it_is() -> None:
    spec = Spec.model_validate({"document": {"title": "t", "password": "s"}, "blocks": [{"type": "rule"}]})
    file = {"blob": "a" * 64, "bytes": 3}
    request = ReportRequest.model_validate({"spec": spec, "files": {"b" * 32: file}})
    stored = msgspec.json.decode(request.canonical(), type=StoredRequest)
    assert {key: one.sha256 for key, one in stored.files.items()} == {"b" * 32: "a" * 64}
    assert bytes(stored.spec) in request.canonical()
    assert decode_spec(stored.spec).document.password == "s"


@pytest.mark.parametrize("wrong", [b'{"type": "poem"}', b'{"type": "heading"}', b'{"type": "heading", "text": 3}'])
def test_what_is_no_spec_is_not_read(wrong: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_spec(b'{"document": {"title": "t"}, "blocks": [' + wrong + b"]}")


def test_all_blocks_and_pictures_are_found_however_deep() -> None:
    picture = {"source": {"job": "c" * 32, "file": "a.png"}}
    spec = Spec.model_validate(
        {
            "document": {"title": "t", "cover": {"logo": {"upload": "d" * 32}}},
            "blocks": [
                {"type": "text", "text": "x"},
                {
                    "type": "section",
                    "orientation": "landscape",
                    "blocks": [
                        {
                            "type": "columns",
                            "columns": [[{"type": "rule"}], [{"type": "image", **picture}]],
                        },
                        {"type": "contact_sheet", "images": [picture]},
                    ],
                },
            ],
        }
    )
    decoded = decode_spec(spec.model_dump_json().encode())
    assert [type(block) for _, block in all_blocks(decoded.blocks)][:2] == [TextBlock, SectionBlock]
    assert [path for path, _ in all_blocks(decoded.blocks)] == [
        "blocks.0",
        "blocks.1",
        "blocks.1.blocks.0",
        "blocks.1.blocks.0.columns.0.0",
        "blocks.1.blocks.0.columns.1.0",
        "blocks.1.blocks.1",
    ]
    assert [(field, ref.key) for field, ref in picture_refs(decoded)] == [
        ("document.cover.logo", "d" * 32),
        ("blocks.1.blocks.0.columns.1.0.source", f"{'c' * 32}/a.png"),
        ("blocks.1.blocks.1.images.0.source", f"{'c' * 32}/a.png"),
    ]


def test_every_block_type_has_a_struct() -> None:
    (union, *_) = get_args(blocks.Block)
    assert isinstance(ReportBlock, types.UnionType)
    tags = [getattr(msgspec.inspect.type_info(one), "tag") for one in get_args(ReportBlock)]  # noqa: B009 - as above
    assert set(tags) == {model.model_fields["type"].default for model in get_args(union)}
