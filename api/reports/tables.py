"""Build a report spec from a CSV, XLSX or NDJSON body of `POST /v1/reports`."""

import codecs
from typing import get_args

from multipart import parse_options_header
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.http.checks import Checks
from tasks.blob_ref import BlobRef
from tasks.refusal import Refusal
from tasks.report.spec.document import DEFAULT_FORMATS, Dataset, Spec
from tasks.report.spec.reading import refusal_of
from tasks.report.spec.table import CellType

TABLE_TYPES = {
    "text/csv": "csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/x-ndjson": "ndjson",
}
_CHARSETS = {codecs.lookup(name).name: name for name in get_args(Dataset.model_fields["encoding"].annotation)}
# Charsets that are read as a superset of themselves, as browsers do.
_CHARSETS |= {"ascii": "utf-8", "iso8859-1": "cp1252", "cp932": "shift_jis", "gb2312": "gb18030", "gbk": "gb18030"}


class TableOptions(BaseModel):
    """The query parameters for a table. A JSON spec has these settings in itself."""

    model_config = ConfigDict(extra="forbid")

    title: str | None = Field(None, description="The title of the report.", examples=["Sales in November"])
    lang: str | None = Field(None, description="The language (BCP 47) for numbers and dates.", examples=["de-DE"])
    currency: str | None = Field(None, description="The currency (ISO 4217) of money columns.", examples=["EUR"])
    types: str | None = Field(
        None,
        max_length=10_000,
        description="The types of columns as `field:type,…`. A column that is not named is text.",
        examples=["day:date,amount:money"],
    )
    formats: str | None = Field(
        None, description="The output formats `pdf`, `xlsx` and `csv`, separated by commas.", examples=["pdf,xlsx"]
    )
    delimiter: str | None = Field(None, description="The delimiter of a CSV file. The default is a comma.")
    sheet: str | None = Field(None, description="The sheet of an XLSX file. The default is the first one.")


def format_of(content_type: str) -> str | None:
    """The dataset format of a Content-Type; None if it is not a table."""
    return TABLE_TYPES.get(content_type.partition(";")[0].strip().lower())


def upload_of(blob: BlobRef) -> str:
    """The upload id that the spec uses for a table sent as the body: derived from its SHA-256."""
    return blob.sha256[:32]


def spec_of(options: TableOptions, content_type: str, blob: BlobRef) -> Spec:
    """Build the spec of a report that shows one whole table.

    Args:
        options: The query parameters.
        content_type: The body's Content-Type.
        blob: The stored body.

    Raises:
        Refusal: `invalid_request` on the query parameters at fault; `unsupported_media_type` for an unknown charset.
    """
    checks = Checks()
    dataset = {
        "upload": upload_of(blob),
        "format": format_of(content_type),
        "encoding": checks.run(lambda: _encoding(content_type)) or "utf-8",
        "delimiter": options.delimiter,
        "sheet": options.sheet,
    }
    document = {"title": options.title or "Report", "lang": options.lang or "en", "currency": options.currency or "EUR"}
    columns = checks.run(lambda: _columns(options.types)) or []
    table = {"type": "table", "dataset": "data", "columns": columns, "every_column": True}
    raw_spec = {
        "document": document,
        "blocks": [{"type": "heading", "text": document["title"]}, {**table, "overflow": "landscape"}],
        "datasets": {"data": dataset},
        "formats": options.formats.split(",") if options.formats else list(DEFAULT_FORMATS),
    }
    try:
        spec = Spec.model_validate(raw_spec)
    except ValidationError as error:
        for fault in refusal_of(error, raw_spec).faults:
            field = _parameter(fault.field)
            checks.add(Refusal("invalid_request", f"{field}: {fault.message.partition(': ')[2]}", field=field))
    checks.done()
    return spec


def _parameter(place: str) -> str:
    """The query parameter that a place of the spec comes from."""
    if place.startswith("blocks.0"):
        return "title"
    if place.startswith("blocks.1"):
        return "types"
    field = place.removeprefix("document.").removeprefix("datasets.data.")
    return "formats" if field.startswith("formats") else field


def _columns(types: str | None) -> list[dict[str, str]]:
    columns = []
    for part in filter(None, (types or "").split(",")):
        field, colon, type = part.rpartition(":")
        if not colon or type not in get_args(CellType):
            known = ", ".join(get_args(CellType))
            raise Refusal(
                "invalid_request",
                f"The parameter 'types' has the form field:type,field:type. {part!r} does not match it. The types are "
                f"{known}.",
                field="types",
            )
        columns.append({"field": field, "type": type})
    return columns


def _encoding(content_type: str) -> str:
    charset: str = parse_options_header(content_type)[1].get("charset", "utf-8")
    try:
        return str(_CHARSETS[codecs.lookup(charset).name])
    except LookupError as error:
        known = ", ".join(dict.fromkeys(_CHARSETS.values()))
        raise Refusal(
            "unsupported_media_type",
            f"The charset {charset!r} is not supported. Send one of {known}.",
            field="Content-Type",
        ) from error
