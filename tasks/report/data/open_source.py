"""Where a table's rows come from: the spec itself, or a file that the spec says how to read."""

from collections.abc import Callable, Mapping
from typing import Any

from tasks.refusal import Refusal
from tasks.report.data.csv.csv_file import CsvFile
from tasks.report.data.json.json_rows import InlineRows, NdjsonFile
from tasks.report.data.source import RowSource
from tasks.report.data.xlsx.xlsx_file import XlsxFile


def open_source(
    table: Mapping[str, Any],
    datasets: Mapping[str, Mapping[str, Any]],
    folder: str,
    warn: Callable[[str, str], None],
) -> RowSource:
    """The source of a table. Raises: Refusal `unknown_dataset`."""
    if table["rows"] is not None:
        return InlineRows(table["rows"])
    name = table["dataset"]
    if name not in datasets:
        raise Refusal(
            "unknown_dataset", f"The dataset {name!r} is not in the spec. Add it to 'datasets'.", field="dataset"
        )
    return open_dataset(datasets[name], folder, warn)


def open_dataset(dataset: Mapping[str, Any], folder: str, warn: Callable[[str, str], None]) -> RowSource:
    """A dataset of the spec with its `path`. folder: for what is better kept on disk. warn: told of oddities."""
    match dataset["format"]:
        case "csv":
            return CsvFile(dataset["path"], dataset["delimiter"], dataset["encoding"])
        case "ndjson":
            return NdjsonFile(dataset["path"], dataset["encoding"])
        case _:
            return XlsxFile(dataset["path"], dataset["sheet"], folder, warn)
