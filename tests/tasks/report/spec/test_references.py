"""What a spec refers to, and where it says so."""

from typing import Any

import pytest

from tasks.refusal import Refusal
from tasks.report.spec.document import Spec
from tasks.report.spec.references import references

A, B, C = ("a" * 32, "b" * 32, "c" * 32)
TABLE = {"type": "table", "dataset": "d"}


def spec(*blocks: dict[str, Any], **document: Any) -> Spec:
    datasets = {"d": {"upload": A, "format": "csv"}}
    said = {"document": {"title": "t", **document}, "blocks": [*blocks, {"type": "rule"}], "datasets": datasets}
    return Spec.model_validate(said)


def image(upload: str) -> dict[str, Any]:
    return {"type": "image", "source": {"upload": upload}}


def test_every_reference_is_found_in_its_place() -> None:
    sheet = {"type": "contact_sheet", "images": [{"source": {"upload": B}}, {"source": {"job": C, "file": "x.jpg"}}]}
    section = {"type": "section", "orientation": "portrait", "blocks": [image(C), TABLE]}
    columns = {"type": "columns", "columns": [[{"type": "rule"}, image(A)], [section]]}
    found = references(
        spec(TABLE, sheet, columns | {"columns": columns["columns"][:1]}, section, cover={"logo": {"upload": B}})
    )
    assert [(field, one.upload or "") for field, one in found] == [
        ("datasets.d", A),
        ("document.cover.logo", B),
        ("blocks.1.images.0.source", B),
        ("blocks.1.images.1.source", ""),
        ("blocks.2.columns.0.1.source", A),
        ("blocks.3.blocks.0.source", C),
    ]


def test_a_dataset_must_be_listed() -> None:
    with pytest.raises(Refusal) as caught:
        list(references(spec({"type": "section", "orientation": "portrait", "blocks": [{**TABLE, "dataset": "e"}]})))
    assert (caught.value.code, caught.value.field) == ("unknown_dataset", "blocks.0.blocks.0.dataset")


@pytest.mark.parametrize("inner", [TABLE, {"type": "section", "orientation": "portrait", "blocks": [TABLE]}])
def test_a_table_beside_others_takes_no_dataset(inner: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="only have inline rows"):
        list(references(spec({"type": "columns", "columns": [[inner]]})))


def test_a_file_is_called_as_the_job_lists_it() -> None:
    keys = [one.key for _, one in references(spec(image(B))) if hasattr(one, "key")]
    assert keys == [B]
