"""Where a table's rows come from: the spec itself, or a file that the spec says how to read."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from tasks.refusal import Refusal
from tasks.report.data.csv.csv_file import CsvFile
from tasks.report.data.file_format import find_format
from tasks.report.data.json.json_rows import InlineRows, JsonFile
from tasks.report.data.ods.ods_file import open_ods
from tasks.report.data.reading import Reading
from tasks.report.data.source import RowSource
from tasks.report.data.workbooks.workbook_file import WorkbookFile
from tasks.report.data.xls.xls_file import XlsFile
from tasks.report.data.xlsx.xlsx_file import open_xlsx
from tasks.report.spec.structs import DatasetSpec, TableBlock


class DatasetFile(NamedTuple):
    """A dataset of the spec, and the path of its file."""

    spec: DatasetSpec
    path: str


def open_source(table: TableBlock, datasets: Mapping[str, DatasetFile], reading: Reading) -> RowSource:
    """The source of a table's rows.

    Args:
        table: The block.
        datasets: By name.
        reading: What every source is read with.

    Raises:
        Refusal: `unknown_dataset`, or that its file has another format than the spec says.
    """
    if table.rows is not None:
        return InlineRows(table.rows)
    name = table.dataset or ""
    if name not in datasets:
        message = f"The dataset {name!r} is not in the spec. Add it to 'datasets'."
        raise Refusal("unknown_dataset", message, field="dataset")
    spec, path = datasets[name]
    kind = find_format(path, spec.format)
    match kind:
        case "csv" | "tsv":
            return CsvFile(path, spec, reading)
        case "ndjson" | "json":
            return JsonFile(path, spec, reading, one_a_line=kind == "ndjson")
        case "xls":
            return WorkbookFile(XlsFile(path, spec, reading).open, spec, reading)
        case "ods":
            return WorkbookFile(partial(open_ods, path, spec), spec, reading)
        case _:
            return WorkbookFile(partial(open_xlsx, path, spec, reading), spec, reading)
