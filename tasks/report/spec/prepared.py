"""What the API keeps of a spec: its text, and what it refers to. It is small beside the objects of the spec."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from tasks.report.spec.document import Dataset, Spec
from tasks.report.spec.reading import read_spec
from tasks.report.spec.references import references


class SpecReference(msgspec.Struct, frozen=True):
    """An upload, or a file of a job, that a spec names.

    Attributes:
        field: The field that names it.
        key: The name under which a request has it.
        upload: The upload's id.
        job: The job's id.
        file: The name of the job's file.
        is_dataset: Whether it is a table.
    """

    field: str
    key: str
    upload: str | None
    job: str | None
    file: str | None
    is_dataset: bool


class PreparedSpec(msgspec.Struct, frozen=True, tag="spec"):
    """A valid spec.

    Attributes:
        text: The spec as JSON, the same for the same spec, however it was written. A password in it is readable.
        title: Its title.
        formats: The formats that it asks for.
        references: What it refers to.
    """

    text: bytes
    title: str
    formats: tuple[str, ...]
    references: tuple[SpecReference, ...]


def prepare(body: bytes) -> PreparedSpec:
    """Read and validate the spec that a JSON body is. Raises: Refusal as `read_spec` and `references`."""
    return prepared(read_spec(body))


def prepared(spec: Spec) -> PreparedSpec:
    """Raises: Refusal as `references`."""
    return PreparedSpec(
        text=canonical(spec.model_dump(mode="json")),
        title=spec.document.title,
        formats=tuple(spec.formats),
        references=tuple(_references(spec)),
    )


def canonical(value: Any) -> bytes:
    """JSON that is the same for the same value."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _references(spec: Spec) -> Iterable[SpecReference]:
    for field, one in references(spec):
        if isinstance(one, Dataset):
            yield SpecReference(field, one.upload, one.upload, None, None, is_dataset=True)
        else:
            yield SpecReference(field, one.key, one.upload, one.job, one.file, is_dataset=False)
