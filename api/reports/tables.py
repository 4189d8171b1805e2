"""Build a report spec from a table that is the body of `POST /v1/reports`, or the file of a form."""

import csv
from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args

from multipart import parse_options_header
from pydantic import BeforeValidator, Field, ValidationError, WithJsonSchema

from api.http.checks import Checks
from tasks.blob_ref import BlobRef
from tasks.refusal import Refusal
from tasks.report.spec.document import DEFAULT_FORMATS, Spec, TableFormat
from tasks.report.spec.file_options import MAX_ROW, EncodingName, FileOptions, encoding_name
from tasks.report.spec.reading import refusal_of
from tasks.report.spec.table import CellType, Group, Total

XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TABLE_TYPES: dict[str, TableFormat] = {
    "text/csv": "csv",
    "application/csv": "csv",
    "text/tab-separated-values": "tsv",
    XLSX_TYPE: "xlsx",
    "application/vnd.ms-excel.sheet.macroEnabled.12": "xlsx",
    "application/vnd.ms-excel": "auto",  # an XLS workbook, and a CSV file where a browser on Windows sends it
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/x-ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "application/octet-stream": "auto",
}
"""The content types of tables. Where that says little, the format is found by looking at the bytes."""
_FORMATS = {name.lower(): table_format for name, table_format in TABLE_TYPES.items()}


def _split(given: Any) -> Any:
    return _cells(given) if isinstance(given, str) else given


def _about(field: str) -> str | None:
    return FileOptions.model_fields[field].description


class TableOptions(FileOptions):
    """The parameters for a table: how its file is read, as in a spec's dataset, and how it is shown. They stand in the
    query, or in the fields of a form. A JSON spec has these settings in itself."""

    title: str | None = Field(None, description="The title of the report.", examples=["Sales in November"])
    lang: str | None = Field(None, description="The language (BCP 47) for numbers and dates.", examples=["de-DE"])
    currency: str | None = Field(None, description="The currency (ISO 4217) of money columns.", examples=["EUR"])
    types: str | None = Field(
        None,
        max_length=10_000,
        description="The types of columns as `field:type,…`. A column that is not named is text. A field that has a "
        "comma stands in double quotes, here and in the other lists.",
        examples=["day:date,amount:money"],
    )
    columns: str | None = Field(
        None,
        max_length=10_000,
        description="The columns to show, in this order, separated by commas. By default all.",
        examples=["day,amount"],
    )
    total: str | None = Field(
        None,
        max_length=10_000,
        description="The columns to total, as `field` for the sum, or `field:kind` with one of sum, avg, min, max and "
        "count, separated by commas. What is totalled and has no type is a decimal number; a count takes texts too.",
        examples=["amount"],
    )
    group_by: str | None = Field(
        None,
        max_length=10_000,
        description="The fields to group the rows by, separated by commas; `field:month`, `field:quarter` and "
        "`field:year` group dates.",
        examples=["account"],
    )
    sort: str | None = Field(
        None,
        max_length=10_000,
        description="The fields to sort the rows by, separated by commas; one that begins with `-` is sorted in "
        "descending order.",
        examples=["-amount"],
    )
    orientation: Literal["portrait", "landscape"] | None = Field(
        None, description="The orientation of the pages. By default portrait, and landscape for a wide table."
    )
    formats: str | None = Field(
        None,
        description="The output formats `pdf`, `xlsx` and `csv`, separated by commas. By default the one that `Accept` "
        "names, else `pdf`.",
        examples=["pdf,xlsx"],
    )
    include_hidden: bool = Field(False, description=_about("include_hidden"))
    header_row: int | None = Field(None, ge=1, le=MAX_ROW, description=_about("header_row"))
    skip_rows: int = Field(0, ge=0, le=MAX_ROW, description=_about("skip_rows"))
    nulls: Annotated[list[str], BeforeValidator(_split), WithJsonSchema({"type": "string"})] = Field(
        default_factory=list,
        description=f"{_about('nulls')} Separated by commas.",
        examples=["-,NA"],
    )


def format_of(content_type: str) -> TableFormat | None:
    """The dataset format of a Content-Type; None if it is not a table."""
    return _FORMATS.get(content_type.partition(";")[0].strip().lower())


def upload_of(blob: BlobRef) -> str:
    """The upload id that the spec uses for a table sent as the body: derived from its SHA-256."""
    return blob.sha256[:32]


def spec_of(
    options: TableOptions,
    table_format: TableFormat,
    blob: BlobRef,
    *,
    charset: str | None = None,
    accepted: str | None = None,
) -> Spec:
    """Build the spec of a report that shows one whole table.

    Args:
        options: How the table is read and shown.
        table_format: The format of its file.
        blob: The stored file.
        charset: The encoding that its Content-Type names. One among the options goes before it.
        accepted: The output format to make if the options name none.

    Raises:
        Refusal: `invalid_request` on the parameters at fault; `unsupported_media_type` for an unknown charset.
    """
    checks = Checks()
    said = options.model_dump(include=set(FileOptions.model_fields), exclude_unset=True)
    if charset is not None and "encoding" not in said:
        said["encoding"] = checks.run(lambda: _encoding(charset)) or "utf-8"
    document = {
        "title": options.title or "Report",
        "lang": options.lang or "en",
        "currency": options.currency or "EUR",
        "page": {"orientation": options.orientation or "portrait"},
    }
    columns = checks.run(lambda: _columns(options)) or []
    table = {
        "type": "table",
        "dataset": "data",
        "columns": columns,
        "every_column": not options.columns,
        "group_by": [_group(text) for text in _cells(options.group_by)],
        "sort": [
            {"field": text.removeprefix("-"), "descending": text.startswith("-")} for text in _cells(options.sort)
        ],
    }
    raw_spec = {
        "document": document,
        "blocks": [{"type": "heading", "text": document["title"]}, {**table, "overflow": "landscape"}],
        "datasets": {"data": {**said, "upload": upload_of(blob), "format": table_format}},
        "formats": options.formats.split(",") if options.formats else [accepted or DEFAULT_FORMATS[0]],
    }
    try:
        spec = Spec.model_validate(raw_spec)
    except ValidationError as error:
        for fault in refusal_of(error, raw_spec).faults:
            field = _parameter(fault.field)
            checks.add(Refusal("invalid_request", f"{field}: {fault.message.partition(': ')[2]}", field=field))
    checks.done()
    return spec


def charset_of(content_type: str) -> str | None:
    """The charset that a Content-Type names; None if it names none."""
    charset: str | None = parse_options_header(content_type)[1].get("charset")
    return charset


def _parameter(place: str) -> str:
    """The parameter that a place of the spec comes from."""
    if place.startswith("blocks.0"):
        return "title"
    if place.startswith("blocks.1"):
        name = place.split(".")[2] if place.count(".") > 1 else "types"
        return name if name in ("group_by", "sort") else "types"
    field = place.removeprefix("document.").removeprefix("page.").removeprefix("datasets.data.")
    return "formats" if field.startswith("formats") else field.partition(".")[0]


def _cells(text: str | None) -> list[str]:
    """What stands between the commas of a parameter; what is in double quotes may have commas."""
    rows: Iterable[list[str]] = csv.reader([(text or "").replace("\n", " ").replace("\r", " ")])
    return [cell.strip() for row in rows for cell in row if cell.strip()]


def _columns(options: TableOptions) -> list[dict[str, str]]:
    """The columns that the parameters `columns`, `types` and `total` describe. Raises: Refusal `invalid_request`."""
    columns: dict[str, dict[str, str]] = {field: {"field": field} for field in _cells(options.columns)}
    for name, form, known, text in (
        ("types", "type", get_args(CellType), options.types),
        ("total", "total", get_args(Total), options.total),
    ):
        seen: set[str] = set()
        for part in _cells(text):
            field, value = _pair(part, name, known)
            if options.columns and field not in columns:
                message = f"The parameter {name!r} names {field!r}, which is not among the 'columns'. Add it there."
                raise Refusal("invalid_request", message, field=name)
            if field in seen:
                message = f"The parameter {name!r} names {field!r} twice. Name it once."
                raise Refusal("invalid_request", message, field=name)
            seen.add(field)
            columns.setdefault(field, {"field": field})[form] = value
    for column in columns.values():
        if column.get("total", "count") != "count":  # which alone takes texts
            column.setdefault("type", "decimal")
    return list(columns.values())


def _pair(part: str, name: str, known: tuple[str, ...]) -> tuple[str, str]:
    field, colon, value = part.rpartition(":")
    if colon and field and value in known:
        return field, value
    if name == "total":
        return part, "sum"
    raise Refusal(
        "invalid_request",
        f"The parameter 'types' has the form field:type,field:type. {part!r} does not match it. The types are "
        f"{', '.join(known)}.",
        field=name,
    )


def _group(part: str) -> dict[str, str]:
    field, colon, by = part.rpartition(":")
    units = [one for one in get_args(Group.model_fields["by"].annotation) if one is not type(None)]
    known = [unit for one in units for unit in get_args(one)]
    return {"field": field, "by": by} if colon and by in known else {"field": part}


def _encoding(charset: str) -> str:
    known: tuple[str, ...] = get_args(EncodingName)
    name = encoding_name(charset.lower())
    if name not in known:
        raise Refusal(
            "unsupported_media_type",
            f"The charset {charset!r} is not supported. Send one of {', '.join(known)}.",
            field="Content-Type",
        )
    return str(name)
