"""What a spec refers to: uploads, files of jobs, and datasets by name."""

from collections.abc import Iterator, Sequence

from tasks.refusal import Refusal
from tasks.report.spec.blocks import Block, Columns, ContactSheet, Image, Section
from tasks.report.spec.document import Dataset, Spec
from tasks.report.spec.parts import FileRef
from tasks.report.spec.table import Table


def references(spec: Spec) -> Iterator[tuple[str, FileRef | Dataset]]:
    """The field and the reference of everything that is somewhere else.

    Raises: Refusal for a table whose dataset is not among the spec's (`unknown_dataset`), or that stands where it may
    have none (`invalid_request`).
    """
    for name, dataset in spec.datasets.items():
        yield f"datasets.{name}", dataset
    if spec.document.cover and spec.document.cover.logo:
        yield "document.cover.logo", spec.document.cover.logo
    yield from _in_blocks(spec, spec.blocks, "blocks", beside_others=False)


def _in_blocks(
    spec: Spec, blocks: Sequence[Block], place: str, *, beside_others: bool
) -> Iterator[tuple[str, FileRef | Dataset]]:
    for number, block in enumerate(blocks):
        here = f"{place}.{number}"
        match block:
            case Image():
                yield f"{here}.source", block.source
            case ContactSheet():
                for index, image in enumerate(block.images):
                    yield f"{here}.images.{index}.source", image.source
            case Table(dataset=str(name)):
                _check(spec, name, f"{here}.dataset", beside_others)
            case Section():
                yield from _in_blocks(spec, block.blocks, f"{here}.blocks", beside_others=beside_others)
            case Columns():
                for index, column in enumerate(block.columns):
                    yield from _in_blocks(spec, column, f"{here}.columns.{index}", beside_others=True)


def _check(spec: Spec, name: str, field: str, beside_others: bool) -> None:
    if name not in spec.datasets:
        known = ", ".join(spec.datasets) or "none"
        raise Refusal(
            "unknown_dataset",
            f"{field}: The dataset {name!r} is not in the spec. The datasets are: {known}.",
            field=field,
        )
    if beside_others:
        raise Refusal(
            "invalid_request", f"{field}: A table inside columns can only have inline rows. Use 'rows'.", field=field
        )
