"""Where a table's rows come from: the spec itself, or a file that the spec says how to read."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tasks.refusal import Refusal
from tasks.report.data.csv.csv_file import CsvFile
from tasks.report.data.json.json_rows import InlineRows, NdjsonFile
from tasks.report.data.source import RowSource
from tasks.report.data.xlsx.xlsx_file import XlsxFile
from tasks.report.spec.structs import DatasetSpec, TableBlock

Warn = Callable[[str, str], None]


class DatasetFile(NamedTuple):
    """A dataset of the spec, and the path of its file."""

    spec: DatasetSpec
    path: str


def open_source(table: TableBlock, datasets: Mapping[str, DatasetFile], folder: str, warn: Warn) -> RowSource:
    """The source of a table's rows.

    Args:
        table: The block.
        datasets: By name.
        folder: For what is better kept on disk than in memory.
        warn: Called with a code and a message.

    Raises:
        Refusal: `unknown_dataset`, or what `open_dataset` raises.
    """
    if table.rows is not None:
        return InlineRows(table.rows)
    return open_dataset(datasets, table.dataset or "", folder, warn)


def open_dataset(datasets: Mapping[str, DatasetFile], name: str, folder: str, warn: Warn) -> RowSource:
    """The dataset `name` of the spec.

    Raises:
        Refusal: `unknown_dataset`, or `invalid_request` for a delimiter that is none.
    """
    if name not in datasets:
        message = f"The dataset {name!r} is not in the spec. Add it to 'datasets'."
        raise Refusal("unknown_dataset", message, field="dataset")
    spec, path = datasets[name]
    match spec.format:
        case "csv":
            return CsvFile(path, spec.delimiter, spec.encoding)
        case "ndjson":
            return NdjsonFile(path, spec.encoding)
        case "xlsx":
            return XlsxFile(path, spec.sheet, folder, warn)
